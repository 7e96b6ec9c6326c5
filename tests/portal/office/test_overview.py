"""The start pages: the overview of the portal, and the panels of the administration."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.models import Device
from apps.enrollments.models import Term
from apps.imports.models import ImportRun
from apps.leave.models import LeaveRequest
from apps.reports.selectors.start import departments, today
from apps.sessions.models import ClassSession
from apps.signin import registry
from apps.signin.panels import devices
from apps.signin.registry import CHECKLIST, StartPanel, add_start_panel
from apps.tenants.scope import campus_scope
from tests.factories import Cast, make_session, make_user
from tests.leave.support import asked
from tests.portal.support import INLINE, client_of
from tests.reports.support import a_session, history, mark

pytestmark = pytest.mark.django_db
OFFICE = ("admin", "operator", "principal")
# Whose panels the start of the administration shows.
PANELS = {
    "admin": ["first_steps", "today", "requests", "imports", "health"],
    "operator": ["imports", "devices", "health"],
    "principal": ["today", "requests"],
}


def panels_of(cast: Cast, who: str) -> list[str]:
    page = client_of(cast, getattr(cast, who)).get("/admin/")
    return [shown.name for shown in page.context["panels"]]


def test_the_day_in_numbers(cast: Cast) -> None:
    now = timezone.localtime(timezone=cast.campus.zone).replace(hour=15, minute=0)
    with campus_scope(cast.campus):
        Term.objects.update(starts_on=now.date(), ends_on=now.date() + timedelta(days=90))
        for hours, status in ((5, "completed"), (4, "scheduled"), (3, "cancelled"), (0, "open")):
            session = make_session(cast.course, starts_at=now - timedelta(hours=hours))
            opened = now if status in ("completed", "open") else None
            ClassSession.objects.filter(pk=session.pk).update(status=status, opened_at=opened)
        make_session(cast.course, starts_at=now + timedelta(hours=2))
        make_session(cast.course, starts_at=now + timedelta(days=1))
        found = today(now=now, zone=cast.campus.zone)
    assert (found.open, found.held, found.not_taken) == (1, 1, 1)
    assert (found.ahead, found.cancelled) == (1, 1)
    assert [session.status for session in found.running] == ["open"]


def test_departments_are_compared_with_the_seven_days_before(cast: Cast) -> None:
    now = timezone.now()
    with campus_scope(cast.campus):
        for days, statuses in ((8, ("present", "absent")), (1, ("present", "present"))):
            at = now - timedelta(days=days)
            session = a_session(cast.course, starts_at=at)
            for student, status in zip((cast.student, cast.classmate), statuses, strict=True):
                mark(session, student, status)
        (line,) = departments(now=now, zone=cast.campus.zone)
    assert (line.before, line.now, line.change) == (50, 100, 50)


def test_the_overview_shows_what_a_principal_asks_first(cast: Cast) -> None:
    with campus_scope(cast.campus):
        history(cast.course, cast.student, "paaa")
        asked(cast.student, timezone.now())
    client = client_of(cast, cast.principal)
    assert client.get("/").url == "/overview/"
    page = client.get("/overview/")
    content = page.content.decode()
    assert page.context["below"].number == 1
    assert cast.student.full_name in content
    assert page.context["waiting"].leaves == 1
    assert 'href="/requests/"' in content
    assert not INLINE.search(page.content)


def test_lecturers_and_students_have_no_overview(cast: Cast) -> None:
    for person in (cast.lecturer, cast.student):
        assert client_of(cast, person.user).get("/overview/").status_code == 403


@pytest.mark.parametrize("who", OFFICE)
def test_the_administration_begins_with_the_own_work(cast: Cast, who: str) -> None:
    assert panels_of(cast, who) == PANELS[who]


def test_without_a_campus_only_the_platform_is_shown(cast: Cast) -> None:
    with campus_scope(cast.campus):
        root = make_user("root@platform.example", is_superuser=True)
    client = Client(headers={"host": "platform.example"})
    client.force_login(root)
    assert [shown.name for shown in client.get("/admin/").context["panels"]] == ["health"]


def test_other_apps_put_panels_above_the_others(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_panels", dict(registry._panels))
    template = "admin/start/imports.html"
    looks: dict[str, Any] = {"first": {"imports": []}, "hidden": None}
    for name, look in looks.items():
        add_start_panel(
            StartPanel(
                name=name, template=template, place=CHECKLIST, look=lambda *_args, look=look: look
            )
        )
    assert panels_of(cast, "admin") == ["first_steps", "first", *PANELS["admin"][1:]]
    assert panels_of(cast, "operator") == ["first", *PANELS["operator"]]


def test_what_waits_and_what_was_uploaded_is_said(cast: Cast) -> None:
    with campus_scope(cast.campus):
        asked(cast.student, timezone.now() - timedelta(days=3))
        LeaveRequest.objects.update(requested_at=timezone.now() - timedelta(days=3))
        ImportRun.objects.create(
            kind="students", filename="new-people.xlsx", size=1, sha256="0" * 64, status="done",
            created_at=timezone.now(), result={"new": 4, "wrong": 2},
        )  # fmt: skip
    content = client_of(cast, cast.admin).get("/admin/").content.decode()
    assert "The oldest has waited for 3\xa0days." in content
    assert "new-people.xlsx" in content
    assert "2 wrong rows" in content


def test_devices_are_counted(cast: Cast) -> None:
    with campus_scope(cast.campus):
        before = devices(now=timezone.now())
        Device.objects.create(
            student=cast.student, device_uuid="d", public_key=b"k", kind="android",
            bound_at=timezone.now(), last_seen_at=timezone.now(),
        )  # fmt: skip
        after = devices(now=timezone.now())
    assert (after.bound, after.lately) == (before.bound + 1, before.lately + 1)
    assert after.without == before.without - 1


@pytest.mark.parametrize("who", OFFICE)
def test_the_tables_say_what_they_hold(cast: Cast, who: str) -> None:
    content = client_of(cast, getattr(cast, who)).get("/admin/").content.decode()
    assert "Who studies here" in content
    assert "Name, time zone, e-mail domains" not in content  # the platform's


@pytest.mark.parametrize("who", OFFICE)
def test_portal_and_administration_lead_to_each_other(cast: Cast, who: str) -> None:
    client = client_of(cast, getattr(cast, who))
    for page in ("/admin/", "/admin/accounts/student/", "/admin/classrooms/classroom/"):
        assert 'href="/start/"' in client.get(page).content.decode()
    assert client.get("/start/").url == "/overview/"
    for page in ("/overview/", "/reports/", "/messages/", "/accounts/password/change/"):
        assert 'href="/admin/"' in client.get(page).content.decode(), page


def test_who_teaches_only_sees_no_way_to_the_administration(cast: Cast) -> None:
    client = client_of(cast, cast.lecturer.user)
    assert client.get("/start/").url == client.get("/").url == "/teach/"
    assert 'href="/admin/"' not in client.get("/teach/").content.decode()


# --- What the pages cost ---------------------------------------------------------------------


def statements(client: Client, address: str) -> int:
    client.get(address)
    with CaptureQueriesContext(connection) as found:
        assert client.get(address).status_code == 200
    return len(found)


@pytest.mark.parametrize(
    ("who", "address", "most"),
    [
        ("principal", "/overview/", 30),
        ("principal", "/admin/", 20),
        ("admin", "/admin/", 51),  # 8 of them for the first steps
        ("operator", "/admin/", 34),
    ],
)
def test_start_pages_ask_as_much_of_a_full_campus_as_of_an_empty_one(
    cast: Cast, who: str, address: str, most: int
) -> None:
    client = client_of(cast, getattr(cast, who))
    empty = statements(client, address)
    with campus_scope(cast.campus):
        history(cast.course, cast.student, "paaa")
        history(cast.course, cast.classmate, "paap")
        asked(cast.student, timezone.now())
        for hours in range(4):
            at = timezone.now() - timedelta(hours=2 * hours)
            session = a_session(cast.course, starts_at=at, status="completed" if hours else "open")
            mark(session, cast.student, "present")
    full = statements(client, address)
    assert full <= most
    assert full <= empty + 4  # names of those below the limit
