"""The start of a term in a real browser: workbooks with errors, corrected, and everybody's week."""

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import openpyxl
import pytest
import vobject
from celery.contrib.testing.worker import start_worker
from django.utils import timezone
from playwright.sync_api import Page, expect

from apps.accounts.models import Student, User
from apps.demo.sample_data import SampleSheet, campus_sheets, workbook
from apps.enrollments.models import Course, Term
from apps.tenants.scope import campus_scope
from apps.timetable.models import WeeklySlot
from campus.celery import app
from tests.api.support import client_of
from tests.browser.conftest import sign_in
from tests.factories import Cast

SLOW = 60_000  # ms: a worker reads the file in a process of its own
TODAY = timezone.localdate()
Week = list[tuple[datetime, str]]


@pytest.fixture
def worker(transactional_db: None) -> Iterator[None]:
    with start_worker(app, pool="solo", perform_ping_check=False, queues="celery,default,imports"):
        yield


@pytest.fixture
def sheets(hall: Cast) -> dict[str, SampleSheet]:
    """One department; the term of the cast runs now."""
    hall.campus.email_domains = ["north.example"]
    hall.campus.save()
    with campus_scope(hall.campus):
        Term.objects.update(
            starts_on=TODAY - timedelta(days=7), ends_on=TODAY + timedelta(days=100)
        )
    return campus_sheets(160, departments=1, error_share=0.1, seed=5)


def counts(page: Page) -> dict[str, int]:
    """New, Changed, Wrong … as the page shows them."""
    names = page.locator("dl dt").all_inner_texts()
    return dict(zip(names, map(int, page.locator("dl dd").all_inner_texts()), strict=True))


def upload(page: Page, site: str, kind: str, path: Path) -> dict[str, int]:
    page.goto(f"{site}/admin/imports/importrun/add/")
    page.select_option("select[name=kind]", kind)
    page.set_input_files("input[type=file]", path)
    page.get_by_role("button", name="Check the file").click()
    expect(page.get_by_text("Checked. Nothing has been saved yet.")).to_be_visible(timeout=SLOW)
    return counts(page)


def save(page: Page) -> dict[str, int]:
    page.get_by_role("button", name=re.compile("^Save")).click()
    expect(page.get_by_text("Saved.", exact=True)).to_be_visible(timeout=SLOW)
    return counts(page)


def marked_rows(page: Page, folder: Path) -> set[int]:
    """Rows of the downloaded workbook that carry a reason."""
    with page.expect_download() as download:
        page.get_by_text("Download your table").click()
    download.value.save_as(folder / "marked.xlsx")
    sheet = openpyxl.load_workbook(folder / "marked.xlsx").active
    assert sheet is not None
    return {row[0].row for row in sheet.iter_rows(min_row=2) if row[-1].value}


@pytest.mark.slow
def test_workbooks_with_errors_become_a_term_that_everybody_sees(
    page: Page, site: str, hall: Cast, sheets: dict[str, SampleSheet], worker: None, tmp_path: Path
) -> None:
    sign_in(page, site, hall.admin.email)
    for kind, sheet in sheets.items():
        wrong, clean = tmp_path / f"{kind}.xlsx", tmp_path / f"{kind}-corrected.xlsx"
        workbook(sheet.headings, sheet.with_errors, title=kind).save(wrong)
        workbook(sheet.headings, sheet.rows, title=kind).save(clean)
        checked = upload(page, site, kind, wrong)
        assert checked["Wrong"] == len(sheet.wrong), kind
        saved = save(page)
        assert saved == checked
        if sheet.wrong:
            assert len(marked_rows(page, tmp_path)) == len(sheet.wrong)
        assert upload(page, site, kind, clean)["Wrong"] == 0
        if page.get_by_text("There is nothing to save.").count() == 0:
            save(page)
        again = upload(page, site, kind, clean)
        assert (again["New"], again["Changed"], again["Unchanged"]) == (0, 0, len(sheet.rows))
    generate(page, site)
    weeks_agree(hall, len(sheets["students"].rows))


def generate(page: Page, site: str) -> None:
    """Select every slot and make its sessions."""
    page.goto(f"{site}/admin/timetable/weeklyslot/")
    page.locator("#action-toggle").check()
    page.locator(".actions .question a, [data-select-all] a").first.click()
    page.select_option("select[name=action]", "generate_term")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_text(re.compile("sessions made"))).to_be_visible(timeout=SLOW)


def weeks_agree(hall: Cast, students: int) -> None:
    """A student's phone, the lecturers' weeks and the calendar show the same meetings."""
    with campus_scope(hall.campus):
        assert Student.objects.filter(code__regex=r"^\d+$").count() == students
        student = Student.objects.filter(code__regex=r"^\d+$").select_related("user").first()
        assert student is not None
        courses = list(
            Course.objects.filter(enrollments__student=student).select_related("faculty__user")
        )
        slots = WeeklySlot.objects.filter(course__in=courses, is_active=True).count()
    monday = TODAY + timedelta(days=7 - TODAY.weekday())
    own = week_of(hall, student.user, monday)
    assert len(own) == slots > 0
    codes = {course.code for course in courses}
    taught = {
        meeting
        for user in {course.faculty.user for course in courses}
        for meeting in week_of(hall, user, monday)
        if meeting[1] in codes
    }
    assert taught == set(own)
    assert calendar_week(hall, student.user, monday) == sorted(own)


def week_of(hall: Cast, user: User | None, monday: date) -> Week:
    answer = client_of(hall, user).get("/api/v1/me/schedule", {"date": str(monday), "view": "week"})
    assert answer.status_code == 200, answer.content
    return [
        (datetime.fromisoformat(session["starts_at"]), session["course_code"])
        for session in answer.json()["sessions"]
    ]


def calendar_week(hall: Cast, user: User | None, monday: date) -> Week:
    """The same week in the feed behind the secret link, read by another parser."""
    client = client_of(hall, user)
    link = client.post("/api/v1/me/calendar-link").json()["url"]
    client.force_authenticate(None)
    calendar = vobject.readOne(client.get(link).content.decode())
    return sorted(
        (event.dtstart.value, event.summary.value.split(" ")[0])
        for event in calendar.vevent_list
        if monday <= event.dtstart.value.date() < monday + timedelta(days=7)
    )
