"""The ten seconds in Firefox: the code of the projector opened, signed in, bound, placed, there."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from apps.accounts.models import Device
from apps.checkin.models import CheckInAttempt
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.browser.firefox import FIREFOX, Firefox, firefox
from tests.browser.test_check_in import ROOM, opened, session, wall  # noqa: F401
from tests.factories import PASSWORD, Cast

pytestmark = pytest.mark.skipif(
    FIREFOX is None, reason="no Firefox on this machine (Debian: apt-get install firefox-esr)"
)
RESULT = '[data-screen="result"]'


@pytest.fixture
def phone(hall: Cast, tmp_path: Path) -> Iterator[Firefox]:
    """Left before the tables are emptied."""
    with firefox(tmp_path / "profile", **ROOM) as window:
        yield window
        window.goto("about:blank")


def answered(phone: Firefox) -> str:
    phone.wait_for(f"{RESULT} .sign")
    return str(phone.run(f"return document.querySelector('{RESULT} h1').innerText.trim()"))


def test_scan_sign_in_bind_and_be_there(
    wall: Callable[[], str],  # noqa: F811
    phone: Firefox,
    hall: Cast,
    session: ClassSession,  # noqa: F811
) -> None:
    phone.goto(wall())
    assert "Code seen at" in phone.wait_for("[role=status]")
    phone.fill("#login", hall.student.email)
    phone.fill("#password", PASSWORD)
    phone.click("main button[type=submit]")
    phone.click("[data-do=bind]")
    assert answered(phone) == "You are here"
    with campus_scope(hall.campus):
        attempt = CheckInAttempt.objects.get()
        device = Device.objects.get(student=hall.student)
    assert (attempt.outcome, attempt.factors["device"]["passed"]) == ("accepted", True)
    assert attempt.factors["location"]["passed"] is True
    assert (device.kind, device.name) == ("web", "Firefox, Linux")

    phone.goto(wall())  # the key is kept: the second time needs no tap
    assert answered(phone) == "You are here"
    with campus_scope(hall.campus):
        assert set(CheckInAttempt.objects.values_list("device_id", flat=True)) == {device.pk}
