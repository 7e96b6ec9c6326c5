"""Deciding on waiting check-ins: with a mouse, on a phone, and without JavaScript."""

from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from apps.attendance.models import AttendanceRecord
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.attendance.support import open_session
from tests.browser.conftest import sign_in
from tests.browser.looks import violations
from tests.browser.test_class import PHONE
from tests.checkin.test_offline import opened_earlier
from tests.checkin.test_waiting import kept_waiting
from tests.factories import Cast


@pytest.fixture
def held(hall: Cast) -> ClassSession:
    """An open session in which two students wait."""
    session = opened_earlier(open_session(hall), timedelta(hours=1))
    for student in (hall.student, hall.classmate):
        kept_waiting(hall, session, student)
    return session


def register(hall: Cast) -> dict[str, str]:
    with campus_scope(hall.campus):
        return dict(AttendanceRecord.objects.values_list("student__code", "status"))


def test_all_are_accepted_with_one_press(
    page: Page, site: str, hall: Cast, held: ClassSession, complaints: list[str]
) -> None:
    sign_in(page, site, hall.lecturer.email)
    page.get_by_role("link", name="2 check-ins of CS201-A").click()
    waiting = page.get_by_role("region", name="Waiting for you")
    expect(waiting.get_by_text("the place is not proven")).to_have_count(2)
    expect(page.locator("[data-student]", has_text=hall.student.full_name)).to_contain_text(
        "Waiting"
    )
    assert violations(page) == []
    waiting.get_by_label("All", exact=True).uncheck()
    expect(waiting.locator("[name=attempt]:checked")).to_have_count(0)
    waiting.get_by_label("All", exact=True).check()
    waiting.get_by_role("button", name="Accept all selected").click()
    expect(page.get_by_text("2 check-ins accepted.")).to_be_visible()
    expect(page.get_by_role("region", name="Waiting for you")).to_be_hidden()
    assert register(hall) == {"STUD": "present", "MATE": "present"}
    assert complaints == []


def test_the_list_follows_the_board(page: Page, site: str, hall: Cast, held: ClassSession) -> None:
    sign_in(page, site, hall.lecturer.email)
    page.goto(f"{site}/teach/sessions/{held.pk}/")
    waiting = page.get_by_role("region", name="Waiting for you")
    expect(waiting.locator("[name=attempt]")).to_have_count(2)
    kept_waiting(hall, held, hall.representative)
    expect(waiting.locator("[name=attempt]")).to_have_count(3)


def test_one_by_one_on_a_phone(page: Page, site: str, hall: Cast, held: ClassSession) -> None:
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    sign_in(page, site, hall.lecturer.email)
    page.goto(f"{site}/teach/sessions/{held.pk}/")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.get_by_role("button", name=f"Accept {hall.classmate.full_name}").click()
    expect(page.get_by_text("1 check-in accepted.")).to_be_visible()
    page.get_by_role("button", name=f"Refuse {hall.student.full_name}").click()
    expect(page.get_by_text("1 check-in refused.")).to_be_visible()
    assert register(hall) == {"MATE": "present"}


def test_without_javascript(
    browser: Browser, site: str, hall: Cast, held: ClassSession, page: Page
) -> None:
    sign_in(page, site, hall.lecturer.email)
    state: Any = page.context.storage_state()
    plain = browser.new_context(java_script_enabled=False, storage_state=state)
    bare = plain.new_page()
    bare.goto(f"{site}/teach/sessions/{held.pk}/")
    bare.get_by_role("button", name="Accept all selected").click()
    assert register(hall) == {"STUD": "present", "MATE": "present"}
    bare.get_by_role("link", name="One-time code").click()
    bare.get_by_label("Student").fill(hall.representative.code)
    bare.get_by_label("Student").press("Enter")
    bare.get_by_role("button", name=f"Give a code {hall.representative.full_name}").click()
    expect(bare.locator(".one-time-code")).to_be_visible()
    plain.close()
