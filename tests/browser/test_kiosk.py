"""A kiosk in a real browser: a reader that types, a code, and a while without network."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page, expect

from apps.audit.services import SYSTEM
from apps.checkin.services.codes import student_code_issue
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.browser.conftest import sign_in
from tests.browser.looks import violations
from tests.factories import Cast
from tests.terminals.support import allow_cards, give_card, open_lesson, register

TABLET = {"width": 1024, "height": 768}


@pytest.fixture
def lesson(hall: Cast) -> ClassSession:
    now = timezone.now()
    with campus_scope(hall.campus):
        allow_cards(now, arrivals="names")
        give_card(hall.student, "0004A21F", now=now)
        give_card(hall.representative, "0004A221", now=now)
        return open_lesson(hall, now=now, starts_at=now - timedelta(minutes=1))


def test_cards_and_codes_at_a_tablet_with_and_without_network(
    page: Page, context: BrowserContext, site: str, hall: Cast, lesson: ClassSession
) -> None:
    page.set_viewport_size(TABLET)  # type: ignore[arg-type]
    sign_in(page, site, hall.lecturer.email)
    page.goto(f"{site}/teach/sessions/{lesson.pk}/")
    page.get_by_role("button", name="Kiosk").click()
    head = page.locator("[data-head]")
    expect(head).to_have_text("Hold your card to the reader")
    assert violations(page) == []
    page.keyboard.type("04:A2:1F")  # the caret is where a reader types
    page.keyboard.press("Enter")
    expect(head).to_have_text("Welcome, Student STUD")
    assert violations(page) == []
    page.keyboard.type("99999999")
    page.keyboard.press("Enter")
    expect(head).to_have_text("Not checked in")
    expect(page.locator("[data-text]")).to_have_text("card not known on this campus")
    with campus_scope(hall.campus):
        code, _ends, _student = student_code_issue(
            session=lesson, student_id=hall.classmate.pk, now=timezone.now(), actor=SYSTEM
        )
    page.keyboard.press("Tab")
    page.keyboard.type("mate")
    page.keyboard.press("Enter")
    page.keyboard.type(code)
    page.keyboard.press("Enter")
    expect(head).to_have_text("Welcome, Student MATE")
    context.set_offline(True)
    page.keyboard.type("0004A221")
    page.keyboard.press("Enter")
    expect(head).to_have_text("Kept")
    expect(page.locator("[data-kept-count]")).to_have_text("1")
    context.set_offline(False)
    expect(page.locator("[data-kept]")).to_be_hidden()
    with campus_scope(hall.campus):
        assert set(register(lesson)) == {"STUD", "MATE", "REPR"}
    page.goto(f"{site}/teach/")
    expect(page.locator("input[name=password]")).to_be_visible()
