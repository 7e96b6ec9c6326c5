"""A whole class in a real browser: from signing in to the register."""

from datetime import timedelta

import cv2
import numpy as np
import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from apps.attendance.models import AttendanceRecord
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.browser.conftest import sign_in
from tests.factories import Cast, make_session
from tests.phone import Phone

PHONE = {"width": 390, "height": 844}


@pytest.fixture
def lesson(hall: Cast) -> ClassSession:
    with campus_scope(hall.campus):
        return make_session(hall.course, starts_at=timezone.now() - timedelta(minutes=1))


def read_qr(page: Page) -> str:
    """What a camera reads off the projector."""
    picture = page.locator("[data-qr]").screenshot()
    image = cv2.imdecode(np.frombuffer(picture, dtype=np.uint8), cv2.IMREAD_COLOR)
    text, _points, _code = cv2.QRCodeDetector().detectAndDecode(image)
    return text


def read_another_qr(page: Page, known: str) -> str:
    """The next code that can be read and is not the known one; there is one every five seconds."""
    for _look in range(100):
        text = read_qr(page)
        if text not in ("", known):
            return text
        page.wait_for_timeout(200)
    return ""


def test_a_class_from_start_to_register(
    page: Page, site: str, hall: Cast, lesson: ClassSession, complaints: list[str]
) -> None:
    sign_in(page, site, hall.lecturer.email)
    expect(page.get_by_role("heading", name="Today", exact=True)).to_be_visible()

    page.get_by_label("Topic").first.fill("Shortest paths")
    page.get_by_role("button", name="Start").first.click()
    page.wait_for_url("**/projector")
    page.wait_for_selector("[data-qr] svg")

    first = read_another_qr(page, known="")
    second = read_another_qr(page, known=first)
    assert first.startswith("HTTP://LOCALHOST:")
    assert "/C/C." in second
    assert first != second

    phone = Phone(hall, hall.student)
    answer = phone.check_in(phone.ticket(read_qr(page)))
    assert answer.json()["outcome"] == "accepted"
    expect(page.locator("[data-arrivals]")).to_contain_text("S. S.")
    expect(page.locator(".projector-count [data-count=here]")).to_have_text("1")

    page.goto(f"{site}/teach/sessions/{lesson.pk}/")
    row = page.locator("[data-student]", has_text=hall.classmate.full_name)
    row.get_by_role("button").click()
    page.get_by_text("Late", exact=True).last.click()
    page.locator("#mark-dialog").get_by_label("Reason").fill("Came through the back door")
    page.get_by_role("button", name="Save").click()
    expect(row).to_contain_text("Late")

    page.get_by_role("button", name="Complete session").click()
    page.get_by_role("button", name="Complete", exact=True).click()
    expect(page.get_by_text("The session is completed.", exact=True)).to_be_visible()
    expect(page.locator("[data-student]", has_text=hall.representative.full_name)).to_contain_text(
        "Absent"
    )
    with campus_scope(hall.campus):
        register = dict(AttendanceRecord.objects.values_list("student__code", "status"))
    assert register == {"STUD": "present", "MATE": "late", "REPR": "absent"}
    assert complaints == []


def test_a_one_time_code_is_shown_once_for_students_without_a_camera(
    page: Page, site: str, hall: Cast, lesson: ClassSession
) -> None:
    sign_in(page, site, hall.lecturer.email)
    page.get_by_label("Topic").first.fill("Heaps")
    page.get_by_role("button", name="Start").first.click()
    page.wait_for_url("**/projector")
    page.goto(f"{site}/teach/sessions/{lesson.pk}/")
    page.get_by_role("link", name="One-time code").click()
    page.get_by_role("searchbox", name="Student", exact=True).fill(hall.student.code)
    page.get_by_role("button", name=f"Give a code {hall.student.full_name}").click()
    code = page.locator(".one-time-code").inner_text()
    phone = Phone(hall, hall.student)
    assert phone.redeem(session=lesson.pk, one_time_code=code).status_code == 201
