"""Signing in at the campus's own provider in a real browser, across sites and back."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from pytest_django import Settings

from tests.browser.looks import violations
from tests.factories import Cast
from tests.identity_providers.provider_server import Provider
from tests.identity_providers.support import set_up


@pytest.fixture
def server(settings: Settings, site: str) -> Iterator[Provider]:
    running = Provider()
    settings.OUTGOING_PRIVATE_ADDRESSES = [running.place]
    settings.PUBLIC_PORT = site.rpartition(":")[2]
    yield running
    running.stop()


def test_there_and_back_by_a_button(
    page: Page, site: str, hall: Cast, server: Provider, complaints: list[str]
) -> None:
    """The provider lies on another site: the cookie of the session has to come back from there."""
    set_up(hall.campus, server)
    set_up(hall.campus, server, name="Library login", client_id="other")
    server.signed_in = {"employeeNumber": "STUD"}
    page.goto(f"{site}/devices/")
    expect(page.get_by_role("link", name="Continue with Library login")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("link", name="Continue with North login").click()
    expect(page).to_have_url(f"{site}/devices/")
    page.goto(f"{site}/accounts/logout/")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Signed out")).to_be_visible()
    way_out = page.get_by_role("link", name="Sign out at North login")
    assert str(way_out.get_attribute("href")).startswith(f"http://{server.place}/logout?client_id=")
    server.signed_in = {"employeeNumber": "NOBODY", "sub": "b"}
    page.goto(f"{site}/accounts/login/")
    page.get_by_role("link", name="Continue with North login").click()
    expect(page.get_by_role("heading", name="Not signed in")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("link", name="Other ways to sign in").click()
    expect(page.get_by_role("link", name="Continue with North login")).to_be_visible()
    assert [text for text in complaints if "403" not in text] == []
