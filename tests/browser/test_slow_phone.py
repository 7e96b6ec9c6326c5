"""The whole path on a phone that is slow, in a network that is slow: it works."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from apps.checkin.models import CheckInAttempt
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.browser.test_check_in import (  # noqa: F401
    ROOM,
    fill_sign_in,
    heading,
    opened,
    phone,
    session,
    wall,
)
from tests.factories import Cast

PATIENCE = 30_000  # ms
CPU_SLOWDOWN = 4
SLOW_4G = {  # as bench/first_check_in.py
    "offline": False,
    "latency": 150,
    "downloadThroughput": 1_600_000 / 8,
    "uploadThroughput": 750_000 / 8,
}


def test_the_whole_path_works_on_a_slow_phone(
    wall: Callable[[], str],  # noqa: F811
    phone: Callable[..., Page],  # noqa: F811
    hall: Cast,
    session: ClassSession,  # noqa: F811
) -> None:
    page = phone()
    cdp = page.context.new_cdp_session(page)
    cdp.send("Network.enable")
    cdp.send("Network.emulateNetworkConditions", SLOW_4G)
    cdp.send("Emulation.setCPUThrottlingRate", {"rate": CPU_SLOWDOWN})
    page.goto(wall())
    fill_sign_in(page, hall.student.email)
    expect(heading(page, "Make this phone yours")).to_be_visible(timeout=PATIENCE)
    page.context.set_geolocation(ROOM)  # Chromium dates an override by when it was set
    page.get_by_role("button", name="Use this phone").tap()
    expect(heading(page, "You are here")).to_be_visible(timeout=PATIENCE)
    page.goto(wall())  # and once more with a key, where nothing is asked
    expect(heading(page, "You are here")).to_be_visible(timeout=PATIENCE)
    with campus_scope(hall.campus):
        factors = CheckInAttempt.objects.earliest("received_at").factors
    assert {name: factors[name]["passed"] for name in ("qr", "device", "location")} == {
        "qr": True,
        "device": True,
        "location": True,
    }
