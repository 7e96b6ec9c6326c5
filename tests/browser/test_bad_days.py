"""Bad days of a student at the code: each has a sentence of its own, and a next step."""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import BrowserType, Page, expect
from pytest_django.live_server_helper import LiveServer

from apps.attendance.services.register import register_close
from apps.audit.services import SYSTEM
from apps.checkin.models import CheckInAttempt
from apps.demo.simulation.browser import find_chromium
from apps.qr_otp.models import Scan
from apps.sessions.models import ClassSession
from apps.tenants.models import Domain
from apps.tenants.scope import campus_scope
from tests.browser.conftest import QUIET
from tests.browser.looks import violations
from tests.browser.test_check_in import (  # noqa: F401
    PHONE,
    bound_page,
    fill_sign_in,
    heading,
    opened,
    phone,
    session,
    wall,
)
from tests.factories import PASSWORD, Cast
from tests.phone import code_of

Scanner = Callable[[], str]
Phones = Callable[..., Page]
NO_COOKIES = '{"profile": {"default_content_setting_values": {"cookies": 2}}}'
PLACES = """
navigator.geolocation.watchPosition = (_found, failed) => {
  setTimeout(() => failed({ code: %d }), 20);
  return 1;
};
"""


@pytest.fixture
def odd_browser(
    browser_type: BrowserType, tmp_path: Path
) -> Iterator[Callable[[list[str], str], Page]]:
    """A browser with flags and preferences of its own."""
    if find_chromium(windows=True) is None:
        pytest.skip("no Chromium with windows on this machine")
    contexts = []

    def launch(flags: list[str], preferences: str) -> Page:
        profile = tmp_path / "profile" / "Default"
        profile.mkdir(parents=True)
        (profile / "Preferences").write_text(preferences)
        context = browser_type.launch_persistent_context(
            str(profile.parent),
            executable_path=find_chromium(windows=True),  # the other one reads no preferences
            args=[*QUIET, *flags],
            **PHONE,
        )
        contexts.append(context)
        return context.pages[0]

    yield launch
    for context in contexts:
        context.close()


def test_an_address_without_encryption(
    odd_browser: Callable[[list[str], str], Page],
    hall: Cast,
    session: ClassSession,  # noqa: F811
    live_server: LiveServer,
) -> None:
    """Keys and cameras exist on https alone (and on this machine's own names)."""
    Domain.objects.create(campus=hall.campus, host="campus.test")
    page = odd_browser(["--host-resolver-rules=MAP campus.test 127.0.0.1"], "{}")
    site = live_server.url.replace("localhost", "campus.test")
    page.goto(f"{site}/c")
    assert page.evaluate("window.isSecureContext") is False
    fill_sign_in(page, hall.student.email)
    expect(heading(page, "This address is not encrypted")).to_be_visible()
    expect(page.get_by_text("you can be marked by hand meanwhile")).to_be_visible()
    assert violations(page) == []
    page.goto(f"{site}/c/scan")
    expect(page.get_by_text("the browser gives no camera")).to_be_visible()


def test_a_browser_without_cookies(
    odd_browser: Callable[[list[str], str], Page],
    wall: Scanner,  # noqa: F811
    hall: Cast,
) -> None:
    page = odd_browser([], NO_COOKIES)
    page.goto(wall())
    fill_sign_in(page, hall.student.email)
    expect(page.get_by_role("heading", name="Cookies are switched off")).to_be_visible()
    expect(page.get_by_text("Allow cookies for this address")).to_be_visible()
    assert violations(page) == []


def test_a_phone_without_room_for_the_key(
    wall: Scanner,  # noqa: F811
    phone: Phones,  # noqa: F811
    hall: Cast,
    site: str,
) -> None:
    """The browser's own quota, and the same code once there is room."""
    page = phone()
    cdp = page.context.new_cdp_session(page)
    page.goto(wall())
    fill_sign_in(page, hall.student.email)
    expect(heading(page, "Make this phone yours")).to_be_visible()
    cdp.send("Storage.overrideQuotaForOrigin", {"origin": site, "quotaSize": 1})
    page.get_by_role("button", name="Use this phone").tap()
    expect(heading(page, "The phone's storage is full")).to_be_visible()
    assert violations(page) == []
    cdp.send("Storage.overrideQuotaForOrigin", {"origin": site})
    page.get_by_role("button", name="Try again").tap()
    expect(heading(page, "You are here")).to_be_visible()


@pytest.mark.parametrize(
    ("minutes", "words"), [(12, "12 minutes fast."), (-30, "30 minutes slow.")]
)
def test_a_clock_that_is_wrong(
    wall: Scanner,  # noqa: F811
    phone: Phones,  # noqa: F811
    hall: Cast,
    minutes: int,
    words: str,
) -> None:
    """The server's counts: neither code nor place are too old, and the note says what to do."""
    page = phone()
    page.clock.install(time=timezone.now() + timedelta(minutes=minutes))
    bound_page(page, hall, wall)
    expect(page.get_by_text(words)).to_be_visible()
    expect(page.get_by_text("Switch on automatic date and time")).to_be_visible()
    assert violations(page) == []
    with campus_scope(hall.campus):
        attempt = CheckInAttempt.objects.get()
    assert attempt.outcome == "accepted"
    assert abs(attempt.received_at - timezone.now()) < timedelta(minutes=2)


def test_a_clock_that_is_right_is_not_spoken_of(
    wall: Scanner,  # noqa: F811
    phone: Phones,  # noqa: F811
    hall: Cast,
) -> None:
    page = bound_page(phone(), hall, wall)
    expect(page.locator("[data-clock]")).to_be_hidden()


def test_back_to_the_answer_shows_it_and_sends_nothing(
    wall: Scanner,  # noqa: F811
    phone: Phones,  # noqa: F811
    hall: Cast,
) -> None:
    page = bound_page(phone(), hall, wall)
    page.get_by_role("link", name="Home").tap()
    page.wait_for_url("**/home/")
    page.go_back()
    expect(heading(page, "You are here")).to_be_visible()
    with campus_scope(hall.campus):
        assert CheckInAttempt.objects.count() == 1


def test_back_when_the_code_is_long_gone_says_that_it_counted(
    wall: Scanner,  # noqa: F811
    phone: Phones,  # noqa: F811
    hall: Cast,
    session: ClassSession,  # noqa: F811
    site: str,
) -> None:
    page = bound_page(phone(), hall, wall)
    page.context.clear_cookies(name="campus_seen")
    old = code_of(hall, session.pk, timezone.now() - timedelta(minutes=1)).token
    page.goto(f"{site}/C/{old}")
    expect(heading(page, "You have checked in already")).to_be_visible()
    assert violations(page) == []


def test_a_double_tap_is_one(
    wall: Scanner,  # noqa: F811
    phone: Phones,  # noqa: F811
    hall: Cast,
) -> None:
    page = phone()
    page.goto(wall())
    page.get_by_label("E-mail").fill(hall.student.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).dblclick()
    page.get_by_role("button", name="Use this phone").dblclick()
    expect(heading(page, "You are here")).to_be_visible()
    with campus_scope(hall.campus):
        assert CheckInAttempt.objects.count() == 1
        assert Scan.objects.filter(accepted=True).count() == 1


def test_the_second_tap_does_not_press_what_comes_under_the_finger(
    wall: Scanner,  # noqa: F811
    phone: Phones,  # noqa: F811
    hall: Cast,
) -> None:
    page = phone()
    page.goto(wall())
    fill_sign_in(page, hall.student.email)
    expect(heading(page, "Make this phone yours")).to_be_visible()
    page.evaluate("""() => {
      const cover = Object.assign(document.createElement("button"), { textContent: "before" });
      cover.style.cssText = "position:fixed;inset:0;z-index:9";
      cover.onclick = () => cover.remove();
      document.body.append(cover);
    }""")
    box = page.get_by_role("button", name="Use this phone").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.click(x, y)
    page.mouse.click(x, y)
    page.wait_for_timeout(300)
    expect(heading(page, "Make this phone yours")).to_be_visible()
    page.wait_for_timeout(400)
    page.mouse.click(x, y)
    expect(heading(page, "You are here")).to_be_visible()


@pytest.mark.parametrize("error", [1, 2])  # denied though the page may, and unavailable
def test_location_switched_off(
    wall: Scanner,  # noqa: F811
    phone: Phones,  # noqa: F811
    hall: Cast,
    error: int,
) -> None:
    """The page is allowed to know the place; the phone does not. It goes on without."""
    page = phone()
    page.add_init_script(PLACES % error)
    bound_page(page, hall, wall)
    expect(page.get_by_text("The phone's location is switched off")).to_be_visible()
    assert violations(page) == []
    with campus_scope(hall.campus):
        assert CheckInAttempt.objects.get().factors["location"]["reason"] == "no_fix"


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        ("NotReadableError", "Another app is using the camera."),
        ("NotAllowedError", "The camera is not allowed for this page."),
        ("NotFoundError", "No camera was found."),
    ],
)
def test_a_scanner_without_a_camera(
    wall: Scanner,  # noqa: F811
    phone: Phones,  # noqa: F811
    hall: Cast,
    site: str,
    problem: str,
    words: str,
) -> None:
    page = phone()
    page.add_init_script(
        "navigator.mediaDevices.getUserMedia = async () => {"
        f'  throw new DOMException("no", "{problem}");'
        "};"
    )
    page.goto(f"{site}/c/scan")
    expect(page.get_by_text(words)).to_be_visible()
    expect(page.get_by_role("button", name="Try the camera again")).to_be_visible()
    expect(page.get_by_role("link", name="Type the code instead")).to_be_visible()


def test_no_room_to_keep_a_check_in_is_said(
    wall: Scanner,  # noqa: F811
    phone: Phones,  # noqa: F811
    hall: Cast,
) -> None:
    """As the browser says it of a write into a database that is there already."""
    page = bound_page(phone(), hall, wall)
    page.evaluate("navigator.serviceWorker.ready")
    page.add_init_script(
        "IDBObjectStore.prototype.add = () => {"
        '  throw new DOMException("full", "QuotaExceededError");'
        "};"
    )
    page.context.set_offline(True)
    page.goto(wall())
    expect(heading(page, "The phone's storage is full")).to_be_visible(timeout=12_000)
    expect(page.get_by_text("then scan again")).to_be_visible()


def test_a_class_that_ends_between_the_code_and_the_evidence(
    wall: Scanner,  # noqa: F811
    phone: Phones,  # noqa: F811
    hall: Cast,
    session: ClassSession,  # noqa: F811
) -> None:
    page = phone()
    page.route("**/check-in/redeem", lambda route: (route.continue_(), end(hall, session)))
    page.add_init_script(PLACES.replace("20);", "1500);") % 3)
    page.goto(wall())
    fill_sign_in(page, hall.student.email)
    page.get_by_role("button", name="Use this phone").tap()
    expect(page.get_by_role("heading", name="Not accepted")).to_be_visible()
    expect(page.get_by_text("not open")).to_be_visible()


def end(hall: Cast, open_session: ClassSession) -> None:
    """A moment after the code was redeemed."""
    with campus_scope(hall.campus):
        while not Scan.objects.filter(accepted=True).exists():
            time.sleep(0.05)
        register_close(session=open_session, now=timezone.now(), actor=SYSTEM)
