"""A campus that is switched off is closed by every resolver, at every host."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.contrib.sessions.backends.cache import SessionStore
from django.http import HttpRequest
from django.test import RequestFactory
from django.utils import timezone
from django.utils.module_loading import import_string
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.audit.services import SYSTEM
from apps.jobs.models import Job
from apps.jobs.tasks import run_job
from apps.notifications.models import Delivery
from apps.notifications.tasks import deliver
from apps.tenants.middleware import CHOSEN_CAMPUS
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from apps.tenants.signed import signed_act
from apps.tenants.tasks import CAMPUS_HEADER
from apps.timetable.services import calendar_link_create
from tests.accounts.support import ME, REFRESH, SESSION, at, tokens
from tests.admin.support import client_of, fields_of, url
from tests.factories import PASSWORD, Cast
from tests.notifications.support import tell
from tests.tenants.test_tasks import count_students, seen

pytestmark = pytest.mark.django_db

NOWHERE = "platform.example"  # a host that belongs to no campus


def chosen(cast: Cast) -> HttpRequest:
    request = RequestFactory().get("/admin/")
    request.user = User.objects.create_superuser("root@platform.example", PASSWORD)
    request.session = SessionStore()
    request.session[CHOSEN_CAMPUS] = cast.campus.pk
    return request


def with_token(cast: Cast) -> HttpRequest:
    access = tokens(at(cast.host), cast.student.email)["access_token"]
    return RequestFactory().get(ME, headers={"Authorization": f"Bearer {access}"})


def with_calendar(cast: Cast) -> HttpRequest:
    with campus_scope(cast.campus):
        token = calendar_link_create(user=cast.student.user, now=timezone.now(), actor=SYSTEM)
    return RequestFactory().get(f"/calendar/{token}.ics")


# What each resolver finds the campus by. A new one needs its line here.
FOUND_BY: dict[str, Callable[[Cast], HttpRequest]] = {
    "apps.tenants.middleware.by_choice": chosen,
    "apps.tenants.middleware.by_host": lambda cast: RequestFactory().get(
        "/", headers={"host": cast.host}
    ),
    "apps.signin.api.authentication.by_token": with_token,
    "apps.timetable.tokens.by_calendar_token": with_calendar,
    "apps.tenants.middleware.by_header": lambda cast: RequestFactory().get(
        "/", headers={"X-Campus": cast.campus.slug}
    ),
}


def switch_off(campus: Campus) -> None:
    with signed_act("tenants_campus"):
        Campus.objects.filter(pk=campus.pk).update(is_active=False)


@pytest.mark.parametrize("path", settings.CAMPUS_RESOLVERS)
def test_every_resolver_finds_open_campuses_only(cast: Cast, path: str) -> None:
    resolve, request = import_string(path), FOUND_BY[path](cast)
    if path.endswith("by_host"):
        switch_off(cast.campus)  # its answer is kept for a minute: see the page's test below
    else:
        assert resolve(request) == cast.campus.pk
        switch_off(cast.campus)
    assert resolve(request) is None


def test_phone_tokens_do_not_live_on_at_a_host_without_a_domain(cast: Cast) -> None:
    pair = tokens(at(NOWHERE, **{"X-Campus": cast.campus.slug}), cast.student.email)
    phone = at(NOWHERE, Authorization=f"Bearer {pair['access_token']}")
    assert phone.get(ME).status_code == 200
    switch_off(cast.campus)
    assert phone.get(ME).status_code == 404
    body = {"refresh_token": pair["refresh_token"]}
    for client in (phone, at(NOWHERE), at(NOWHERE, **{"X-Campus": cast.campus.slug})):
        assert client.post(REFRESH, body).status_code == 404
    session: APIClient = at(NOWHERE, **{"X-Session-Token": pair["session_token"]})
    assert session.get(SESSION).status_code == 404


def test_switching_off_on_the_page_counts_at_once(cast: Cast) -> None:
    root = User.objects.create_superuser("root@platform.example", PASSWORD)
    visitor = at(cast.host)
    assert visitor.get("/accounts/login/").status_code == 200
    client = client_of(cast, root)
    page = url(Campus, "change", cast.campus.pk)
    form = {**fields_of(client.get(page)), "email_domains": "", "verified_domains": ""}
    form.pop("is_active")
    assert client.post(page, form).status_code == 302
    assert visitor.get("/api/v1/me").status_code == 404


def test_tasks_of_a_closed_campus_wait(cast: Cast, mailoutbox: list[Any]) -> None:
    now = timezone.now()
    with campus_scope(cast.campus):
        tell(cast.admin, now=now)
        job = Job.objects.create(kind="imports.check", title="T", created_at=now)
    switch_off(cast.campus)
    before = len(seen)
    assert count_students.apply(headers={CAMPUS_HEADER: cast.campus.pk}).get() is None
    assert len(seen) == before
    run_job.apply((str(job.pk),), headers={CAMPUS_HEADER: cast.campus.pk})
    assert deliver(cast.campus.pk, "email") == 0
    assert mailoutbox == []
    with campus_scope(cast.campus):
        assert Job.objects.get().status == Job.Status.QUEUED
        assert Delivery.objects.filter(channel="email", status="waiting").exists()
