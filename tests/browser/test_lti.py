"""A launch in a real browser, from the page of a platform that lives on another site."""

from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import sign_in
from tests.factories import Cast
from tests.lti.support import login_of, moodle, registered

__all__ = ["moodle"]


@pytest.mark.slow
def test_a_framed_link_opens_a_window_in_which_our_cookies_work(
    hall: Cast,
    site: str,
    page: Page,
    context: BrowserContext,
    moodle: Any,
    complaints: list[str],
    settings: Any,
) -> None:
    settings.PUBLIC_PORT = site.rpartition(":")[2]
    registered(hall, moodle)
    sign_in(page, site, hall.student.email)
    tool = f"{site}/lti/login?{urlencode(login_of(moodle))}"
    page.goto(f"{moodle.url}/course?{urlencode({'tool': tool})}")
    with context.expect_page() as opened:
        page.frame_locator("iframe").get_by_role("link", name="Open in a new window").click()
    window = opened.value
    expect(window.get_by_role("heading", name="Connect your account")).to_be_visible()
    window.get_by_role("button", name="Yes, connect").click()
    window.wait_for_url(f"**/attendance/?course={hall.course.pk}")
    assert complaints == []
