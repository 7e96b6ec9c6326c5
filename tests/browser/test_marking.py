"""Marking a hall in a real browser: by keys, saved together, undone, never over others."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from apps.attendance.models import AttendanceRecord, Status
from apps.attendance.services.marking import record_mark
from apps.attendance.services.register import register_open
from apps.audit.services import SYSTEM
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.browser.conftest import sign_in
from tests.browser.looks import violations
from tests.browser.test_class import PHONE
from tests.factories import Cast, make_session


@pytest.fixture
def open_lesson(hall: Cast) -> ClassSession:
    with campus_scope(hall.campus):
        lesson = make_session(hall.course, starts_at=timezone.now() - timedelta(minutes=1))
        return register_open(session=lesson, topic="Sets", now=timezone.now(), actor=SYSTEM)


@pytest.fixture
def forgotten(hall: Cast) -> ClassSession:
    """A session of yesterday that nobody opened."""
    yesterday = timezone.now() - timedelta(days=1)
    with campus_scope(hall.campus):
        term = hall.course.term
        term.starts_on, term.ends_on = yesterday.date(), (yesterday + timedelta(days=9)).date()
        term.save()
        return make_session(hall.course, starts_at=yesterday, is_planned=True)


def marks(hall: Cast) -> dict[str, str]:
    with campus_scope(hall.campus):
        rows = AttendanceRecord.objects.select_related("student")
        return {row.student.code: row.status for row in rows}


def row_of(page: Page, name: str) -> str:
    return page.locator("[data-student]", has_text=name).inner_text()


def test_keys_mark_row_by_row_and_undo_takes_it_back(
    page: Page, site: str, hall: Cast, open_lesson: ClassSession, complaints: list[str]
) -> None:
    sign_in(page, site, hall.lecturer.email)
    page.goto(f"{site}/teach/sessions/{open_lesson.pk}/")
    page.get_by_role("button", name="Mark many").click()
    for key in "pla":  # Student MATE, REPR, STUD: by name
        page.keyboard.press(key)
    page.keyboard.press("Delete")  # the focus stays on the last row
    page.keyboard.press("E")
    expect(page.locator("[data-staged]")).to_have_text("3")
    assert marks(hall) == {}
    page.get_by_role("button", name="Save the marks").click()
    expect(page.get_by_text("Marks saved:")).to_be_visible()
    assert marks(hall) == {"MATE": "present", "REPR": "late", "STUD": "excused"}
    expect(page.locator(".board-number")).to_have_text("2")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Marks restored:")).to_be_visible()
    assert marks(hall) == {}
    assert violations(page) == []
    assert complaints == []


def test_a_mark_that_somebody_made_meanwhile_is_told_and_kept(
    page: Page, site: str, hall: Cast, open_lesson: ClassSession
) -> None:
    sign_in(page, site, hall.lecturer.email)
    page.goto(f"{site}/teach/sessions/{open_lesson.pk}/")
    page.get_by_role("button", name="Mark many").click()
    page.get_by_role("button", name="Everybody not marked: present").click()
    with campus_scope(hall.campus):
        record_mark(
            session=open_lesson,
            student_id=hall.student.pk,
            status=Status.LATE,
            reason="",
            now=timezone.now(),
            actor=SYSTEM,
        )
    page.get_by_role("button", name="Save the marks").click()
    told = page.locator(".notice-success li")
    expect(told).to_have_count(1)
    expect(told).to_contain_text(hall.student.full_name)
    assert marks(hall) == {"MATE": "present", "REPR": "present", "STUD": "late"}


def test_a_register_nobody_took_is_taken_afterwards_on_a_phone(
    page: Page, site: str, hall: Cast, forgotten: ClassSession, complaints: list[str]
) -> None:
    page.set_viewport_size(PHONE)
    sign_in(page, site, hall.lecturer.email)
    page.goto(f"{site}/registers/not-taken/")
    page.get_by_role("link", name="Take the register").click()
    page.get_by_label("Topic").fill("Lists")
    page.locator("[data-student]", has_text=hall.student.full_name).get_by_role(
        "button", name="Present"
    ).click()
    page.get_by_role("button", name="Save the register").click()
    expect(page.locator("[data-status-badge]")).to_contain_text("Completed")
    assert marks(hall) == {"MATE": "absent", "REPR": "absent", "STUD": "present"}
    page.goto(f"{site}/registers/not-taken/")
    expect(page.get_by_text("Every register is taken")).to_be_visible()
    assert violations(page) == []
    assert complaints == []
