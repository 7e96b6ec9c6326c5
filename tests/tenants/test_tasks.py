"""Tasks work for the campus they were enqueued from, and for no other."""

from pathlib import Path

import pytest
from celery import shared_task
from django.conf import settings
from django.db import connection

from apps.accounts.models import Student
from apps.tenants.scope import NoCampus, campus_scope, current_campus_id, entered_campus_id
from apps.tenants.tasks import CAMPUS_HEADER, CampusTask, enqueue, in_each_campus
from tests.factories import Cast

pytestmark = pytest.mark.django_db

seen: list[int | None] = []


@shared_task(base=CampusTask, name="tests.count_students")
def count_students() -> int:
    seen.append(entered_campus_id())
    return Student.objects.count()


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict]:
    """What would go to the broker, with its headers."""
    messages: list[dict] = []
    monkeypatch.setattr(
        "celery.app.base.Celery.send_task",
        lambda self, name, args=None, kwargs=None, **options: messages.append(
            {"name": name, **options}
        ),
    )
    return messages


def test_enqueueing_outside_every_campus_fails_at_once() -> None:
    with pytest.raises(NoCampus, match="count_students"):
        count_students.delay()


def test_running_without_a_campus_fails() -> None:
    with pytest.raises(NoCampus):
        count_students()


def test_the_campus_travels_with_the_message(
    cast: Cast, sent: list, django_capture_on_commit_callbacks: pytest.FixtureRequest
) -> None:
    with django_capture_on_commit_callbacks(execute=True), campus_scope(cast.campus):
        enqueue(count_students)
        assert sent == []  # nothing leaves before the transaction has committed
    assert [message["headers"][CAMPUS_HEADER] for message in sent] == [cast.campus.pk]


def test_the_worker_enters_the_campus_of_the_message(cast: Cast) -> None:
    result = count_students.apply(headers={CAMPUS_HEADER: cast.campus.pk})
    assert result.get() == 4
    assert seen[-1] == cast.campus.pk
    assert entered_campus_id() is None


def test_a_broker_that_is_down_does_not_undo_what_was_saved(
    cast: Cast,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    django_capture_on_commit_callbacks: pytest.FixtureRequest,
) -> None:
    def down(*args: object, **kwargs: object) -> None:
        raise ConnectionError("no broker")

    monkeypatch.setattr("celery.app.base.Celery.send_task", down)
    with django_capture_on_commit_callbacks(execute=True), campus_scope(cast.campus):
        enqueue(count_students)
    assert "could not be enqueued" in caplog.text


def test_one_campus_that_fails_keeps_no_other_waiting(
    cast: Cast, other_cast: Cast, caplog: pytest.LogCaptureFixture
) -> None:
    visited = []

    def act() -> int:
        visited.append(current_campus_id())
        if len(visited) == 1:
            connection.cursor().execute("select 1 / 0")
        return 5

    assert in_each_campus(act, reason="try") == 5
    assert visited == [cast.campus.pk, other_cast.campus.pk]
    assert "try: failed on north" in caplog.text


def test_periodic_tasks_visit_campuses_by_the_loop_that_goes_on() -> None:
    apps = Path(settings.BASE_DIR) / "apps"
    own = [path for path in apps.glob("*/tasks.py") if path.parent.name != "tenants"]
    assert own
    assert [path for path in own if "every_campus" in path.read_text()] == []
