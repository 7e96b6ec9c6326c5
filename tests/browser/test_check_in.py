"""A student checks in from a phone's browser, with the code read off the projector's pixels."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import cv2
import numpy as np
import pytest
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from apps.accounts.models import Device
from apps.attendance.models import AttendanceRecord
from apps.attendance.services.register import register_close
from apps.audit.services import SYSTEM
from apps.checkin.models import CheckInAttempt
from apps.checkin.services.codes import student_code_issue
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.browser.conftest import sign_in
from tests.browser.looks import violations
from tests.factories import PASSWORD, Cast, make_session
from tests.phone import Phone, code_of

PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
}
WALL: dict[str, Any] = {"viewport": {"width": 1920, "height": 1080}}
ROOM = {"latitude": 52.516273, "longitude": 13.377704, "accuracy": 12}
# Chromium dates a simulated position by when it was set, which is as old as the test; a phone's is
# new whenever it is asked.
FRESH_PLACES = """
const watch = navigator.geolocation.watchPosition.bind(navigator.geolocation);
navigator.geolocation.watchPosition = (seen, ...rest) =>
  watch(({ coords }) => seen({ coords, timestamp: Date.now() }), ...rest);
"""
FAR = {"latitude": 52.6, "longitude": 13.5, "accuracy": 12}


@pytest.fixture
def session(hall: Cast) -> ClassSession:
    with campus_scope(hall.campus):
        return make_session(hall.course, starts_at=timezone.now() - timedelta(minutes=1))


@pytest.fixture
def opened(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Further browsers, each with its own cookies and storage; errors on their consoles fail."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def note(message: ConsoleMessage) -> None:
        expected = ("responded with a status of 4", "net::ERR_FAILED", "ERR_INTERNET_DISCONNECTED")
        if message.type == "error" and not any(text in message.text for text in expected):
            errors.append(message.text)

    def open_page(**options: Any) -> Page:
        context = browser.new_context(**options)
        context.on("console", note)
        contexts.append(context)
        return context.new_page()

    yield open_page
    for context in contexts:
        for page in context.pages:
            page.goto("about:blank")
        context.close()
    assert errors == []


@pytest.fixture
def wall(
    opened: Callable[..., Page], site: str, hall: Cast, session: ClassSession
) -> Callable[[], str]:
    """The lecturer's projector; called, it reads the code off its pixels as a camera would."""
    page = opened(**WALL)
    sign_in(page, site, hall.lecturer.email)
    page.get_by_label("Topic").first.fill("Shortest paths")
    page.get_by_role("button", name="Start").first.click()
    page.wait_for_url("**/projector")
    page.wait_for_selector("[data-qr] svg")

    def scan() -> str:
        for _look in range(100):
            picture = page.locator("[data-qr]").screenshot()
            image = cv2.imdecode(np.frombuffer(picture, dtype=np.uint8), cv2.IMREAD_COLOR)
            text = cv2.QRCodeDetector().detectAndDecode(image)[0]
            if text:
                return str(text)
            page.wait_for_timeout(100)
        raise AssertionError("no code can be read off the projector")

    scan.page = page  # type: ignore[attr-defined]
    return scan


@pytest.fixture
def phone(opened: Callable[..., Page]) -> Callable[..., Page]:
    def new(*, at: dict[str, Any] | None = ROOM, **options: Any) -> Page:
        if at is not None:
            options |= {"geolocation": at, "permissions": ["geolocation"]}
        page = opened(**PHONE, **options)
        page.add_init_script(FRESH_PLACES)
        return page

    return new


def fill_sign_in(page: Page, email: str) -> None:
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).tap()


def bound_page(page: Page, hall: Cast, scan: Callable[[], str]) -> Page:
    """A phone that has checked in once."""
    page.goto(scan())
    fill_sign_in(page, hall.student.email)
    page.get_by_role("button", name="Use this phone").tap()
    expect(page.get_by_role("heading", name="You are here", exact=True)).to_be_visible()
    return page


def heading(page: Page, name: str) -> Any:
    return page.get_by_role("heading", name=name, exact=True)


def test_scan_sign_in_bind_and_be_there(
    wall: Callable[[], str], phone: Callable[..., Page], hall: Cast, session: ClassSession
) -> None:
    link = wall()
    assert link == link.upper()
    page = phone()
    page.goto(link)
    expect(page.get_by_text("Code seen at")).to_be_visible()
    assert violations(page) == []
    fill_sign_in(page, hall.student.email)
    expect(heading(page, "Make this phone yours")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("button", name="Use this phone").tap()
    expect(heading(page, "You are here")).to_be_visible()
    assert violations(page) == []
    projector: Page = wall.page  # type: ignore[attr-defined]
    expect(projector.locator(".projector-count [data-count=here]")).to_have_text("1")
    with campus_scope(hall.campus):
        attempt = CheckInAttempt.objects.get()
        device = Device.objects.get(student=hall.student)
    assert attempt.factors["device"]["passed"] is True
    assert attempt.factors["location"]["passed"] is True
    assert (device.kind, bool(device.browser)) == ("web", True)
    assert attempt.seen_at is not None
    assert attempt.redeemed_at is not None
    assert attempt.seen_at < attempt.redeemed_at


def test_the_second_time_needs_no_tap(
    wall: Callable[[], str], phone: Callable[..., Page], hall: Cast, session: ClassSession
) -> None:
    page = bound_page(phone(), hall, wall)
    page.goto(wall())
    expect(heading(page, "You are here")).to_be_visible()
    with campus_scope(hall.campus):
        assert CheckInAttempt.objects.filter(outcome="accepted").count() >= 1
        assert AttendanceRecord.objects.get().status == "present"


def test_loading_the_page_again_shows_the_answer_and_sends_nothing(
    wall: Callable[[], str], phone: Callable[..., Page], hall: Cast
) -> None:
    page = bound_page(phone(), hall, wall)
    page.reload()
    expect(heading(page, "You are here")).to_be_visible()
    with campus_scope(hall.campus):
        assert CheckInAttempt.objects.count() == 1


def test_a_place_that_is_refused_is_unknown_and_no_dead_end(
    wall: Callable[[], str], phone: Callable[..., Page], hall: Cast
) -> None:
    page = bound_page(phone(at=None), hall, wall)
    expect(page.get_by_text("Allow this page to see where you are.")).to_be_visible()
    with campus_scope(hall.campus):
        assert CheckInAttempt.objects.get().factors["location"]["reason"] == "no_fix"


def test_far_away_is_said_in_words(
    wall: Callable[[], str], phone: Callable[..., Page], hall: Cast
) -> None:
    page = phone(at=FAR)
    page.goto(wall())
    fill_sign_in(page, hall.student.email)
    page.get_by_role("button", name="Use this phone").tap()
    expect(page.get_by_text("more than 1 km away")).to_be_visible()


def test_the_typed_code_at_the_short_address(
    wall: Callable[[], str],
    phone: Callable[..., Page],
    hall: Cast,
    session: ClassSession,
    site: str,
) -> None:
    projector: Page = wall.page  # type: ignore[attr-defined]
    address = projector.locator(".projector-address").inner_text()
    assert address == site.partition("//")[2] + "/c"
    page = phone()
    page.goto(f"http://{address}")
    fill_sign_in(page, hall.student.email)
    page.get_by_label("The code on the screen").fill("wrong one")
    page.get_by_role("button", name="Check in").tap()
    page.get_by_role("button", name="Use this phone").tap()
    expect(page.get_by_text("This code is not right.")).to_be_visible()
    page.get_by_label("The code on the screen").fill(
        projector.locator("[data-code-text]").inner_text()
    )
    page.get_by_role("button", name="Check in").tap()
    expect(heading(page, "You are here")).to_be_visible()
    with campus_scope(hall.campus):
        assert CheckInAttempt.objects.get().method == "text"


def test_a_one_time_code_has_the_same_page(
    wall: Callable[[], str],
    phone: Callable[..., Page],
    hall: Cast,
    session: ClassSession,
    site: str,
) -> None:
    with campus_scope(hall.campus):
        session.refresh_from_db()
        code, _until, _student = student_code_issue(
            session=session, student_id=hall.student.pk, now=timezone.now(), actor=SYSTEM
        )
    page = phone()
    page.goto(f"{site}/c")
    fill_sign_in(page, hall.student.email)
    page.get_by_label("The code on the screen").fill(code)
    page.get_by_role("button", name="Check in").tap()
    page.get_by_role("button", name="Use this phone").tap()
    expect(heading(page, "You are here")).to_be_visible()
    with campus_scope(hall.campus):
        assert CheckInAttempt.objects.get().method == "otp"


def test_an_old_link_says_what_to_do(
    wall: Callable[[], str],
    phone: Callable[..., Page],
    hall: Cast,
    session: ClassSession,
    site: str,
) -> None:
    old = code_of(hall, session.pk, timezone.now() - timedelta(minutes=1)).token
    page = phone()
    page.goto(f"{site}/C/{old}")
    expect(heading(page, "Scan the code that is on the screen now")).to_be_visible()
    assert violations(page) == []


def test_a_lost_network_loses_nothing(
    wall: Callable[[], str], phone: Callable[..., Page], hall: Cast
) -> None:
    page = phone()
    page.goto(wall())
    fill_sign_in(page, hall.student.email)
    expect(heading(page, "Make this phone yours")).to_be_visible()
    page.clock.install()
    page.route("**/api/v1/check-in", lambda route: route.abort())
    page.get_by_role("button", name="Use this phone").tap()
    for _pause in range(4):
        page.wait_for_timeout(300)
        page.clock.fast_forward(3500)
    expect(heading(page, "No connection")).to_be_visible()
    page.unroute("**/api/v1/check-in")
    page.get_by_role("button", name="Try again").tap()
    expect(heading(page, "You are here")).to_be_visible()
    with campus_scope(hall.campus):
        assert CheckInAttempt.objects.count() == 1


def test_a_device_bound_elsewhere_is_named_with_the_way_out(
    wall: Callable[[], str], phone: Callable[..., Page], hall: Cast
) -> None:
    with campus_scope(hall.campus):
        Phone(hall, hall.student, client=object())
    page = phone()
    page.goto(wall())
    fill_sign_in(page, hall.student.email)
    expect(heading(page, "Another device is bound to you")).to_be_visible()
    page.get_by_role("button", name="Use this browser instead").tap()
    expect(page.get_by_text("It can be bound from this moment on")).to_be_visible()
    with campus_scope(hall.campus):
        assert Device.objects.get().rebind_requested_at is not None


def test_one_browser_checks_in_one_student(
    wall: Callable[[], str], phone: Callable[..., Page], hall: Cast, site: str
) -> None:
    page = bound_page(phone(), hall, wall)
    first = page.url
    page.goto(f"{site}/accounts/logout/")
    page.get_by_role("button", name="Sign out").last.tap()
    page.wait_for_url("**/accounts/login/**")
    page.goto(first)  # the very same code: what it was worth to somebody else is not shown
    fill_sign_in(page, hall.classmate.email)
    page.get_by_role("button", name="Use this phone").tap()
    expect(heading(page, "This browser belongs to somebody else")).to_be_visible()
    with campus_scope(hall.campus):
        assert not Device.objects.filter(student=hall.classmate).exists()


def test_a_sign_in_that_ends_in_the_middle(
    wall: Callable[[], str], phone: Callable[..., Page], hall: Cast
) -> None:
    page = phone()
    page.goto(wall())
    fill_sign_in(page, hall.student.email)
    expect(heading(page, "Make this phone yours")).to_be_visible()
    cookies = [one for one in page.context.cookies() if "session" not in one.get("name", "")]
    page.context.clear_cookies()
    page.context.add_cookies(cookies)  # type: ignore[arg-type]
    page.get_by_role("button", name="Use this phone").tap()
    expect(heading(page, "You are signed out")).to_be_visible()
    page.get_by_role("link", name="Sign in").tap()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_class_that_ends_in_the_middle(
    wall: Callable[[], str], phone: Callable[..., Page], hall: Cast, session: ClassSession
) -> None:
    page = phone()
    page.goto(wall())
    fill_sign_in(page, hall.student.email)
    expect(heading(page, "Make this phone yours")).to_be_visible()
    with campus_scope(hall.campus):
        register_close(session=session, now=timezone.now(), actor=SYSTEM)
    page.get_by_role("button", name="Use this phone").tap()
    expect(heading(page, "This class has ended")).to_be_visible()


def test_the_newest_tab_goes_on(
    wall: Callable[[], str], phone: Callable[..., Page], hall: Cast
) -> None:
    page = phone()
    page.goto(wall())
    fill_sign_in(page, hall.student.email)
    expect(heading(page, "Make this phone yours")).to_be_visible()
    other = page.context.new_page()
    other.goto(wall())
    expect(heading(other, "Make this phone yours")).to_be_visible()
    expect(heading(page, "Open in another tab")).to_be_visible()
    other.get_by_role("button", name="Use this phone").tap()
    expect(heading(other, "You are here")).to_be_visible()


def test_a_browser_that_keeps_nothing(
    wall: Callable[[], str], phone: Callable[..., Page], hall: Cast
) -> None:
    page = phone()
    page.add_init_script("Object.defineProperty(window, 'indexedDB', { value: undefined })")
    page.goto(wall())
    fill_sign_in(page, hall.student.email)
    expect(heading(page, "This browser keeps nothing")).to_be_visible()
