"""A launch in a real browser, from the page of a platform that lives on another site."""

from typing import Any
from urllib.parse import urlencode

import pytest
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page, expect

from apps.audit.services import SYSTEM
from apps.lti.models import LtiKey, LtiPlatform, LtiRegistration
from apps.lti.services.registration import registration_make
from apps.tenants.scope import campus_scope
from tests.browser.conftest import sign_in
from tests.factories import Cast
from tests.lti.support import linked, login_of, moodle, registered

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


@pytest.mark.slow
def test_the_frame_posts_what_the_window_chose(
    hall: Cast,
    site: str,
    page: Page,
    context: BrowserContext,
    moodle: Any,
    complaints: list[str],
    settings: Any,
) -> None:
    settings.PUBLIC_PORT = site.rpartition(":")[2]
    platform = registered(hall, moodle)
    with campus_scope(hall.campus):
        linked(hall, platform, moodle)
        moodle.tool_keys = {"keys": [key.public_jwk for key in LtiKey.shown(now=timezone.now())]}
    moodle.message = moodle.choosing()
    sign_in(page, site, hall.lecturer.email)
    asked = login_of(moodle, target_link_uri=f"{site}/lti/launch?choice=1")
    tool = f"{site}/lti/login?{urlencode(asked)}"
    page.goto(f"{moodle.url}/course?{urlencode({'tool': tool})}")
    frame = page.frame_locator("iframe")
    with context.expect_page() as opened:
        frame.get_by_role("link", name="Open in a new window").click()
    window = opened.value
    window.get_by_label("My attendance in the course").check()
    window.get_by_role("button", name="Choose").click()
    expect(window.get_by_role("heading", name="Chosen")).to_be_visible()
    window.close()
    frame.get_by_role("button", name="Take over the choice").click()
    expect(frame.get_by_text("Linked: My attendance")).to_be_visible()
    assert complaints == []


@pytest.mark.slow
def test_a_framed_registration_asks_to_be_closed(
    hall: Cast, site: str, page: Page, moodle: Any, complaints: list[str], settings: Any
) -> None:
    settings.PUBLIC_PORT = site.rpartition(":")[2]
    with campus_scope(hall.campus):
        link = LtiRegistration(name="Moodle")
        secret = registration_make(link, now=timezone.now(), actor=SYSTEM)
    query = {
        "openid_configuration": f"{moodle.url}/configuration",
        "registration_token": moodle.permission,
    }
    tool = f"{site}/lti/register/{secret}?{urlencode(query)}"
    page.goto(f"{moodle.url}/tools?{urlencode({'tool': tool})}")
    page.frame_locator("iframe").get_by_role("button", name="Register").click()
    expect(page.get_by_text("The tool has closed itself.")).to_be_visible()
    with campus_scope(hall.campus):
        assert not LtiPlatform.objects.get().is_active
    assert complaints == []
