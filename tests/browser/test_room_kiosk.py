"""The kiosk of a room in a real browser: opened by its link, over two sessions, until it ends."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page, expect

from apps.attendance.services.register import register_close, register_open
from apps.audit.services import SYSTEM
from apps.checkin.services.codes import student_code_issue
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from apps.terminals.models import CardTerminal
from tests.browser.conftest import sign_in
from tests.browser.looks import OF_COLOURS, sticking_out, violations
from tests.browser.test_kiosk import TABLET
from tests.factories import Cast, make_session
from tests.terminals.support import MINUTE, allow_cards, give_card, make_terminal, register

LOOK_MS = 20_000
WIDTHS = (1024, 768, 390, 195)


@pytest.fixture
def moment() -> datetime:
    return timezone.now()


@pytest.fixture
def code(hall: Cast, moment: datetime) -> str:
    with campus_scope(hall.campus):
        allow_cards(moment, arrivals="names")
        give_card(hall.student, "0004A21F", now=moment)
        give_card(hall.representative, "0004A221", now=moment)
        return make_terminal(hall.classroom, now=moment, kind="room_kiosk")[1]


def read(page: Page, card: str) -> None:
    page.keyboard.type(card)
    page.keyboard.press("Enter")


def wrong_with(page: Page) -> list[str]:
    """What axe says in light and dark, and what sticks out, on a tablet and smaller."""
    said = violations(page)
    said += [one for width in WIDTHS for one in sticking_out(page, width)]
    page.emulate_media(color_scheme="dark")
    said += violations(page, *OF_COLOURS)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(TABLET)  # type: ignore[arg-type]
    return said


def test_a_day_at_the_door(
    page: Page,
    context: BrowserContext,
    site: str,
    hall: Cast,
    code: str,
    moment: datetime,
    complaints: list[str],
) -> None:
    page.clock.install()
    page.set_viewport_size(TABLET)  # type: ignore[arg-type]
    sign_in(page, site, hall.admin.email)
    page.goto(f"{site}/kiosk/room#{code}")
    expect(page.get_by_label("Code from the administration")).to_have_value(code)
    assert page.url == f"{site}/kiosk/room"
    page.get_by_role("button", name="Open the kiosk").click()
    head, text, title = (page.locator(f"[data-{name}]") for name in ("head", "text", "now"))
    expect(head).to_have_text("No class now")
    expect(title.locator("h1")).to_have_text("Main 101")
    assert wrong_with(page) == []

    with campus_scope(hall.campus):
        first = make_session(hall.course, starts_at=moment + 5 * MINUTE)
    page.clock.fast_forward(LOOK_MS)
    expect(head).to_have_text("Hold your card to the reader")
    expect(text).to_contain_text("Next: Algorithms, ")
    expect(page.locator("[data-code-form]")).to_be_hidden()
    read(page, "04:A2:1F")
    expect(head).to_have_text("Noted, Student STUD")
    assert wrong_with(page) == []

    with campus_scope(hall.campus):
        first = register_open(session=first, topic="Sorting", now=moment, actor=SYSTEM)
        told, _ends, _student = student_code_issue(
            session=first, student_id=hall.classmate.pk, now=moment, actor=SYSTEM
        )
    page.clock.fast_forward(LOOK_MS)
    expect(title.locator("h1")).to_have_text("Algorithms")
    assert wrong_with(page) == []
    page.get_by_label("Student number").fill("mate")
    page.get_by_label("One-time code").fill(told)
    page.keyboard.press("Enter")
    expect(head).to_have_text("Welcome, Student MATE")

    context.set_offline(True)
    read(page, "0004A221")
    expect(head).to_have_text("Kept")
    with campus_scope(hall.campus):
        assert set(register(first)) == {"MATE"}
        register_close(session=first, now=timezone.now(), actor=SYSTEM)
        end = timezone.now() + 15 * MINUTE
        ClassSession.objects.filter(pk=first.pk).update(ends_at=end)
        make_session(hall.other_course, starts_at=end, classroom=hall.classroom)
    context.set_offline(False)
    page.clock.fast_forward(LOOK_MS)
    expect(page.locator("[data-kept]")).to_be_hidden()
    expect(text).to_contain_text("Next: Algorithms, ")
    with campus_scope(hall.campus):
        assert register(first)["REPR"][0] == "present"

    with campus_scope(hall.campus):
        CardTerminal.objects.update(is_active=False)
    page.clock.fast_forward(LOOK_MS)
    expect(page.get_by_role("heading", name="This kiosk has ended")).to_be_visible()
    page.goto(f"{site}/teach/")
    expect(page.locator("input[name=password]")).to_be_visible()
    assert [said for said in complaints if "Failed to load resource" not in said] == []


def test_it_follows_without_being_touched_and_asks_little(
    page: Page, site: str, hall: Cast, code: str, moment: datetime
) -> None:
    """Three times a minute, answered by a 304 while nothing changes."""
    asked: list[int] = []
    page.clock.install()
    page.goto(f"{site}/kiosk/room#{code}")
    with page.expect_response(lambda answer: "hx-request" in answer.request.headers):
        page.get_by_role("button", name="Open the kiosk").click()
    head = page.locator("[data-head]")
    expect(head).to_have_text("No class now")
    page.on("response", lambda answer: asked.append(answer.status))
    for number in range(3):
        with page.expect_response(lambda answer: answer.url.endswith("/kiosk/")):
            page.clock.fast_forward(LOOK_MS)
        assert asked == [304] * (number + 1)
    with campus_scope(hall.campus):
        make_session(hall.course, starts_at=moment + timedelta(days=2))
    page.clock.fast_forward(LOOK_MS)
    expect(page.locator("[data-text]")).to_contain_text("Next: Algorithms, ")
    expect(head).to_have_text("No class now")
