"""The student's pages in a real browser: marks, requests, messages."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from apps.attendance.models import AttendanceRecord
from apps.leave.models import Appeal, LeaveRequest
from apps.notifications.services import notify
from apps.tenants.scope import campus_scope
from tests.browser.conftest import sign_in
from tests.browser.looks import violations
from tests.factories import Cast, make_session
from tests.leave.support import closed


@pytest.fixture
def absence(hall: Cast) -> AttendanceRecord:
    """The student missed yesterday's session; three are planned, and a message has arrived."""
    now = timezone.now()
    with campus_scope(hall.campus):
        session = closed(hall, now - timedelta(days=1))
        for days in (1, 2, 3):
            make_session(hall.course, starts_at=now + timedelta(days=days))
        notify(
            kind="announcement",
            user_ids=[hall.student.user_id],
            title="Bring your laptops",
            body="We practise tomorrow.",
            now=now,
            key="laptops",
        )
        return AttendanceRecord.objects.get(session=session, student=hall.student)


def test_a_wrong_mark_is_appealed_against_in_a_dialog(
    page: Page, site: str, hall: Cast, absence: AttendanceRecord, complaints: list[str]
) -> None:
    sign_in(page, site, hall.student.email)
    page.goto(f"{site}/attendance/")
    mark = page.locator(f"#mark-{absence.pk}")
    mark.locator("summary").click()
    expect(mark).to_contain_text("No valid check-in")
    mark.get_by_role("link", name="Appeal this mark").click()
    dialog = page.locator("#request-dialog")
    expect(dialog.get_by_role("heading", name="This mark is wrong")).to_be_focused()
    assert violations(page) == []
    dialog.get_by_label("Present").check()
    # Blanks pass the browser's own check: the server refuses them, beside the field.
    dialog.get_by_label("What happened").fill("   ")
    dialog.get_by_role("button", name="Send the appeal").click()
    expect(dialog.locator("#id_text_error")).to_be_visible()
    dialog.get_by_label("What happened").fill("I sat in the last row.")
    dialog.get_by_role("button", name="Send the appeal").click()
    expect(page.get_by_text("You will be notified when it is decided.")).to_be_visible()
    mark.locator("summary").first.click()
    expect(mark).to_contain_text("waiting for a decision")
    with campus_scope(hall.campus):
        assert Appeal.objects.get().wanted == "present"
    # A 422 is written to the console by the browser itself.
    assert [text for text in complaints if "422" not in text] == []


def test_leave_is_asked_for_and_withdrawn(
    page: Page, site: str, hall: Cast, complaints: list[str]
) -> None:
    sign_in(page, site, hall.student.email)
    page.get_by_role("navigation", name="Main").get_by_role("link", name="More").click()
    page.get_by_role("link", name="Leave").click()
    page.get_by_role("link", name="Ask for leave").click()
    dialog = page.locator("#request-dialog")
    dialog.get_by_label("Reason").fill("Operation")
    dialog.get_by_role("button", name="Send the request").click()
    request = page.locator("article", has_text="Operation")
    expect(request).to_contain_text("Waiting for a decision")
    request.locator("summary").click()
    request.get_by_role("button", name="Withdraw").click()
    expect(page.get_by_text("The request is withdrawn.")).to_be_visible()
    with campus_scope(hall.campus):
        assert LeaveRequest.objects.get().status == "withdrawn"
    assert complaints == []


def test_requests_work_without_scripts(
    browser: Browser, hall: Cast, site: str, absence: AttendanceRecord
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, site, hall.student.email)
    page.goto(f"{site}/attendance/")
    page.locator(f"#mark-{absence.pk} summary").click()
    page.get_by_role("link", name="Appeal this mark").click()
    page.get_by_label("Present").check()
    page.get_by_label("What happened").fill("I was there.")
    page.get_by_role("button", name="Send the appeal").click()
    expect(page.get_by_text("You will be notified when it is decided.")).to_be_visible()
    page.goto(f"{site}/messages/")
    page.get_by_role("button", name="Mark all as read").click()
    expect(page.get_by_text("No unread messages.")).to_be_visible()
    context.close()
