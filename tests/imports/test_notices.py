"""Who started a long import is told when it is over; nobody is told of a short one."""

from datetime import timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.imports.models import CHECK
from apps.jobs import registry
from apps.jobs.models import Job
from apps.notifications.models import Delivery, Message
from apps.tenants.scope import campus_scope
from tests.factories import Cast
from tests.imports.test_runs import upload, work
from tests.phone import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(cast: Cast) -> APIClient:
    return signed_in(cast, cast.operator)


def since(cast: Cast, seconds: int) -> None:
    """As if the jobs had been waiting for so long."""
    with campus_scope(cast.campus):
        for job in Job.objects.filter(status=Job.Status.QUEUED):
            Job.objects.filter(pk=job.pk).update(
                created_at=job.created_at - timedelta(seconds=seconds)
            )


def titles(cast: Cast) -> list[str]:
    with campus_scope(cast.campus):
        return list(Message.objects.order_by("pk").values_list("title", flat=True))


def test_a_long_import_is_told_to_who_started_it(cast: Cast, api: APIClient) -> None:
    run_id = upload(api).json()["id"]
    since(cast, 31)
    work(cast)
    assert titles(cast) == ["%(file)s was checked"]
    assert api.post(f"/api/v1/imports/{run_id}/commit", {"removed": 0}).status_code == 202
    since(cast, 31)
    work(cast)
    assert titles(cast)[1:] == ["%(file)s was imported"]
    with campus_scope(cast.campus):
        message = Message.objects.latest("pk")
        heard = Delivery.objects.filter(message=message).values_list("user_id", "channel")
        assert set(heard) == {(cast.operator.pk, "inbox"), (cast.operator.pk, "email")}
    found = {name: message.data[name] for name in ("file", "new", "changed", "wrong")}
    assert found == {"file": "students.xlsx", "new": 1, "changed": 0, "wrong": 1}


def test_a_short_one_is_not(cast: Cast, api: APIClient) -> None:
    upload(api)
    since(cast, 25)
    work(cast)
    assert titles(cast) == []


def test_a_file_that_cannot_be_read(cast: Cast, api: APIClient) -> None:
    upload(api, [["nothing", "of use"], ["1", "2"]])
    since(cast, 60)
    work(cast)
    assert titles(cast) == ["%(file)s could not be imported"]


def test_a_crash_is_told_as_well(
    cast: Cast, api: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(job: Job, progress: Any) -> dict[str, Any]:
        raise RuntimeError

    upload(api)
    since(cast, 60)
    monkeypatch.setitem(registry._handlers, CHECK, crash)
    work(cast)
    assert titles(cast) == ["%(file)s could not be imported"]
