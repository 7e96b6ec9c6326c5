"""The check-in page and passkeys: as proof of device and person, and in the place of a lost key."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.utils import timezone
from playwright.sync_api import CDPSession, Page, expect

from apps.accounts.models import Device
from apps.attendance.models import Policy
from apps.checkin.models import CheckInAttempt
from apps.signin.passkeys import OLD_ENOUGH
from apps.tenants.scope import campus_scope
from tests.browser.conftest import sign_in
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
from tests.browser.test_passkeys import LIST, add, age, authenticator, verify
from tests.factories import Cast

FORGET = """
() => new Promise((resolve) => {
  const deleting = indexedDB.deleteDatabase("campus");
  deleting.onsuccess = deleting.onerror = resolve;
  localStorage.clear();
})
"""
Scan = Callable[[], str]


def policy(hall: Cast, **settings: Any) -> None:
    with campus_scope(hall.campus):
        Policy.objects.create(version=1, created_at=timezone.now(), **settings)


def authentic(page: Page, **options: bool) -> tuple[CDPSession, str]:
    cdp = page.context.new_cdp_session(page)
    cdp.send("WebAuthn.enable")
    return cdp, authenticator(cdp, **options)


def with_passkey(page: Page, site: str, hall: Cast, by: timedelta = OLD_ENOUGH) -> None:
    sign_in(page, site, hall.student.email)
    add(page, site)
    page.wait_for_url(f"{site}{LIST}")
    age(by)


def add_here(page: Page) -> None:
    """As the page offers it: one tap, because the password was typed a moment ago."""
    page.get_by_role("button", name="Add a passkey").tap()


def attempt_of(hall: Cast) -> CheckInAttempt:
    with campus_scope(hall.campus):
        return CheckInAttempt.objects.latest("received_at")


@pytest.fixture
def demanding(hall: Cast) -> None:
    """Policies are copied at the opening: asked for before `wall`."""
    policy(hall, passkey="required", person="bonus", synced_passkey_weight="0.5")


@pytest.mark.parametrize("synced", [False, True])
@pytest.mark.parametrize("verifies", [True, False])
def test_a_passkey_alone_checks_in_where_it_is_required(
    demanding: None,
    wall: Scan,  # noqa: F811
    phone: Callable[..., Page],  # noqa: F811
    hall: Cast,
    site: str,
    synced: bool,
    verifies: bool,
) -> None:
    page = phone()
    cdp, device = authentic(page, synced=synced)
    with_passkey(page, site, hall)
    verify(cdp, device, verifies)
    page.goto(wall())
    if not verifies:
        expect(heading(page, "Confirm with your passkey")).to_be_visible()
        expect(page.get_by_role("button", name="Go on without it")).to_be_hidden()
        assert violations(page) == []
        page.get_by_role("button", name="Use your passkey").tap()
    expect(heading(page, "You are here")).to_be_visible()
    factors = attempt_of(hall).factors
    assert factors["device"]["reason"] == "passkey"
    assert factors["device"]["confidence"] == (0.5 if synced else 1.0)
    assert ("person" in factors) is verifies
    with campus_scope(hall.campus):
        assert not Device.objects.exists()


def test_without_a_passkey_it_leads_to_adding_one_and_back(
    demanding: None,
    wall: Scan,  # noqa: F811
    phone: Callable[..., Page],  # noqa: F811
    hall: Cast,
) -> None:
    page = phone()
    authentic(page)
    page.goto(wall())
    fill_sign_in(page, hall.student.email)
    expect(heading(page, "Add a passkey first")).to_be_visible()
    assert violations(page) == []
    add_here(page)
    expect(heading(page, "You are here")).to_be_visible()
    assert Authenticator.objects.get().data["synced"] is False
    assert attempt_of(hall).factors["device"]["reason"] == "passkey"


@pytest.fixture
def personal(hall: Cast) -> None:
    policy(hall, person="required")


def test_a_required_person_is_the_phones_own_check_or_waits(
    personal: None,
    wall: Scan,  # noqa: F811
    phone: Callable[..., Page],  # noqa: F811
    hall: Cast,
    site: str,
) -> None:
    page = phone()
    cdp, device = authentic(page)
    with_passkey(page, site, hall)
    verify(cdp, device, False)
    page.goto(wall())
    page.get_by_role("button", name="Use this phone").tap()
    expect(heading(page, "Confirm with your passkey")).to_be_visible()
    page.get_by_role("button", name="Use your passkey").tap()
    expect(page.get_by_text("Without it your lecturer confirms you")).to_be_visible()
    page.get_by_role("button", name="Go on without it").tap()
    expect(heading(page, "Waiting for your lecturer")).to_be_visible()
    verify(cdp, device, True)
    page.evaluate("localStorage.clear()")
    page.goto(wall())
    expect(heading(page, "You are here")).to_be_visible()
    factors = attempt_of(hall).factors
    assert factors["person"]["passed"] is True
    assert factors["device"]["reason"] == "signed"


def test_storage_that_was_wiped_is_replaced_by_a_passkey_at_once(
    wall: Scan,  # noqa: F811
    phone: Callable[..., Page],  # noqa: F811
    hall: Cast,
    site: str,
) -> None:
    page = phone()
    cdp, device = authentic(page)
    bound_page(page, hall, wall)
    offer = heading(page, "Never wait for a lost key")
    expect(offer).to_be_visible()
    assert violations(page) == []
    add_here(page)
    page.wait_for_url(f"{site}/devices/")
    expect(page.get_by_text("localhost")).to_be_visible()
    page.evaluate(FORGET)
    page.goto(wall())
    expect(page.get_by_text("Your passkey can bind this browser at once from")).to_be_visible()
    age(OLD_ENOUGH)
    page.goto(wall())
    expect(heading(page, "Another device is bound to you")).to_be_visible()
    assert violations(page) == []
    verify(cdp, device, False)
    page.get_by_role("button", name="Use your passkey").tap()
    expect(page.get_by_text("Nothing was done")).to_be_visible()
    verify(cdp, device, True)
    page.get_by_role("button", name="Use your passkey").tap()
    expect(heading(page, "You are here")).to_be_visible()
    with campus_scope(hall.campus):
        assert Device.objects.get(is_active=True).bound_by_passkey
    assert attempt_of(hall).factors["device"]["reason"] == "signed"
    expect(offer).to_be_hidden()


def test_not_now_is_remembered(
    wall: Scan,  # noqa: F811
    phone: Callable[..., Page],  # noqa: F811
    hall: Cast,
) -> None:
    page = phone()
    authentic(page)
    bound_page(page, hall, wall)
    page.get_by_role("button", name="Not now").tap()
    expect(heading(page, "Never wait for a lost key")).to_be_hidden()
    assert page.evaluate("localStorage.getItem('campus-passkey-offer')") == "dismissed"


def test_a_passkey_signs_in_without_losing_the_code(
    wall: Scan,  # noqa: F811
    phone: Callable[..., Page],  # noqa: F811
    hall: Cast,
    site: str,
) -> None:
    page = phone()
    authentic(page)
    with_passkey(page, site, hall)
    page.context.clear_cookies()
    page.goto(wall())
    assert violations(page) == []
    page.get_by_role("button", name="Sign in with a passkey").tap()
    expect(heading(page, "Make this phone yours")).to_be_visible()


def test_my_devices_leads_to_replacing_a_lost_device(
    wall: Scan,  # noqa: F811
    phone: Callable[..., Page],  # noqa: F811
    hall: Cast,
    site: str,
) -> None:
    page = phone()
    authentic(page)
    bound_page(page, hall, wall)
    add(page, site)
    page.wait_for_url(f"{site}{LIST}")
    page.evaluate(FORGET)
    age(OLD_ENOUGH)
    page.goto(f"{site}/devices/")
    assert violations(page) == []
    page.get_by_role("link", name="Bind this browser").tap()
    page.get_by_role("button", name="Use your passkey").tap()
    page.wait_for_url(f"{site}/devices/")
    with campus_scope(hall.campus):
        assert Device.objects.get(is_active=True).bound_by_passkey
