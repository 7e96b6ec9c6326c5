"""What the pages say of the browser itself: whether it is the bound device, and how it stays so."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from apps.checkin.models import CheckInAttempt
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.browser.looks import violations
from tests.browser.test_check_in import (  # noqa: F401
    bound_page,
    fill_sign_in,
    heading,
    opened,
    phone,
    session,
    wall,
)
from tests.browser.test_check_in_passkey import FORGET
from tests.factories import PASSWORD, Cast

Scanner = Callable[[], str]
Phones = Callable[..., Page]
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
)
NEVER_ANSWERS = """
navigator.geolocation.watchPosition = () => {
  window.reasonWasShown = document.querySelector('[data-ask="place"]').checkVisibility();
  return 1;
};
"""
KEEPS = """
navigator.storage.persist = async () => { localStorage.setItem("asked", "yes"); return true; };
navigator.storage.persisted = async () => localStorage.getItem("asked") === "yes";
"""


def test_my_devices_says_whether_it_is_this_browser(
    wall: Scanner,  # noqa: F811
    phone: Phones,  # noqa: F811
    hall: Cast,
    site: str,
) -> None:
    page = phone()
    page.add_init_script(KEEPS)
    bound_page(page, hall, wall)
    page.goto(f"{site}/devices/")
    expect(page.get_by_text("has promised to keep it")).to_be_visible()
    page.evaluate("localStorage.clear()")
    page.reload()
    expect(page.get_by_text("It may delete the key when it needs room")).to_be_visible()
    assert violations(page) == []
    page.evaluate(FORGET)
    page.reload()
    expect(page.get_by_text("or this browser has lost the key")).to_be_visible()


def test_the_answer_offers_the_home_screen_where_the_browser_forgets(
    wall: Scanner,  # noqa: F811
    phone: Phones,  # noqa: F811
    hall: Cast,
) -> None:
    page = bound_page(phone(user_agent=IPHONE), hall, wall)
    offered = heading(page, "Put Campus on your home screen")
    expect(offered).to_be_visible()
    expect(page.get_by_text("“Add to Home Screen”")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("button", name="Not now").tap()
    expect(offered).to_be_hidden()
    page.goto(wall())
    expect(heading(page, "You are here")).to_be_visible()
    page.evaluate("import('/static/js/portal/student/home_screen.js')")  # it has been looked at
    expect(offered).to_be_hidden()


def test_the_reason_stands_beside_the_browsers_question_for_the_place(
    wall: Scanner,  # noqa: F811
    phone: Phones,  # noqa: F811
    hall: Cast,
    session: ClassSession,  # noqa: F811
) -> None:
    """And going on without the place does not wait for it."""
    page = phone()
    page.add_init_script(NEVER_ANSWERS)
    page.goto(wall())
    fill_sign_in(page, hall.student.email)
    page.get_by_role("button", name="Use this phone").tap()
    skip = page.get_by_role("button", name="Go on without the place")
    expect(skip).to_be_visible()
    page.wait_for_timeout(500)  # a second tap within 0.4 s belongs to the button before
    skip.tap()
    expect(heading(page, "You are here")).to_be_visible(timeout=6_000)
    assert page.evaluate("window.reasonWasShown") is True
    with campus_scope(hall.campus):
        assert CheckInAttempt.objects.get().factors["location"]["reason"] == "no_fix"


def test_the_whole_way_by_keyboard(
    wall: Scanner,  # noqa: F811
    phone: Phones,  # noqa: F811
    hall: Cast,
    session: ClassSession,  # noqa: F811
) -> None:
    page = phone()
    page.goto(wall())
    press_until(page, "E-mail")
    page.keyboard.type(hall.student.email)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(heading(page, "Make this phone yours")).to_be_visible()
    press_until(page, "Use this phone")
    page.keyboard.press("Enter")
    expect(heading(page, "You are here")).to_be_focused()
    press_until(page, "Home")
    page.keyboard.press("Enter")
    page.wait_for_url("**/home/")


def press_until(page: Page, name: str) -> None:
    """Tab until the focus is on what is called so, and is shown there."""
    found = page.get_by_role("link", name=name, exact=True)
    found = found.or_(page.get_by_label(name, exact=True))
    found = found.or_(page.get_by_role("button", name=name, exact=True))
    for _step in range(15):
        page.keyboard.press("Tab")
        if found.first.evaluate("one => one === document.activeElement"):
            style = "getComputedStyle(document.activeElement).outlineStyle"
            assert page.evaluate(style) != "none"
            return
    raise AssertionError(f"{name} is not reached by keyboard")
