"""Photo and passkey without network: added to what is kept, sealed until it is sent."""

import base64
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from apps.checkin.models import CheckInAttempt
from apps.checkin.services.settle import settle_with_face
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.biometrics.conftest import (  # noqa: F401
    astronaut_jpeg,
    astronaut_path,
    engine,
    media,
    models_dir,
)
from tests.browser.looks import violations
from tests.browser.test_check_in import (  # noqa: F401
    bound_page,
    fill_sign_in,
    heading,
    opened,
    phone,
    wall,
)
from tests.browser.test_check_in import session as plain_session  # noqa: F401
from tests.browser.test_check_in_face import CAMERA
from tests.browser.test_check_in_face import session as session_with_face  # noqa: F401
from tests.browser.test_check_in_passkey import authentic, policy, with_passkey
from tests.browser.test_offline import a_newer_code, ready_phone
from tests.factories import Cast

# Each picture of the camera is another one, as a real camera's is.
RESTLESS = CAMERA.replace(
    "drawImage(image, 0, 0);\n  draw();",
    """drawImage(image, 0, 0);
  setInterval(() => {
    const context = canvas.getContext("2d");
    context.fillStyle = "#" + String(Math.random()).slice(2, 8);
    context.fillRect(0, 0, 8, 8);
  }, 50);
  draw();""",
)
KEPT = "student => self.campusKept.list(student)"
SEALED_BYTES = """async student => {
  const [{ photo, body }] = await self.campusKept.list(student);
  return { bytes: [...new Uint8Array(photo.bytes).slice(0, 3)], body: Object.keys(body).sort() };
}"""


@pytest.fixture
def session(request: pytest.FixtureRequest) -> ClassSession:
    """With a face where the test says so."""
    found: ClassSession = request.getfixturevalue(getattr(request, "param", "plain_session"))
    return found


with_face = pytest.mark.parametrize("session", ["session_with_face"], indirect=True)


def without_network(page: Page, wall: Callable[[], str]) -> None:  # noqa: F811
    """At the link of a code of which the server hears nothing."""
    ready_phone(page)
    page.wait_for_function("async () => (await navigator.locks.query()).held.length === 0")
    page.goto("about:blank")
    page.context.set_offline(True)
    page.goto(a_newer_code(wall, wall.page))  # type: ignore[attr-defined]


def send(page: Page, site: str) -> None:
    page.goto("about:blank")
    page.context.set_offline(False)
    page.goto(f"{site}/c/scan")
    entry = page.locator("[data-entries] li")
    expect(entry).to_have_count(1)
    expect(entry).not_to_contain_text("Waiting to be sent", timeout=12_000)


def offline_attempt(hall: Cast) -> CheckInAttempt:
    with campus_scope(hall.campus):
        return CheckInAttempt.objects.get(offline=True)


@pytest.fixture
def with_photo(
    wall: Callable[[], str],  # noqa: F811
    phone: Callable[..., Page],  # noqa: F811
    hall: Cast,
    session: ClassSession,
    astronaut_jpeg: bytes,  # noqa: F811
) -> Page:
    """A phone that has checked in with a photo, at the link of the next code, without network."""
    page = phone()
    page.add_init_script(RESTLESS % base64.b64encode(astronaut_jpeg).decode())
    page.goto(wall())
    fill_sign_in(page, hall.student.email)
    page.get_by_role("button", name="Use this phone").tap()
    page.get_by_role("button", name="Take the photo").tap()
    expect(heading(page, "Comparing the photo…")).to_be_visible()
    with campus_scope(hall.campus):
        settle_with_face(attempt_id=CheckInAttempt.objects.get().pk, now=timezone.now())
    expect(heading(page, "You are here")).to_be_visible()
    without_network(page, wall)
    expect(heading(page, "Your face")).to_be_visible(timeout=12_000)
    return page


@with_face
def test_a_photo_is_kept_sealed_and_compared_once_it_is_sent(
    with_photo: Page, hall: Cast, site: str
) -> None:
    page = with_photo
    assert violations(page) == []
    page.get_by_role("button", name="Take the photo").tap()
    expect(heading(page, "Waiting to be sent")).to_be_visible()
    kept: dict[str, Any] = page.evaluate(SEALED_BYTES, hall.student.pk)
    assert bytes(kept["bytes"]) != b"\xff\xd8\xff"  # how a JPEG begins
    assert kept["body"] == ["evidence", "signature"]
    send(page, site)
    attempt = offline_attempt(hall)
    assert attempt.outcome == "pending"
    with campus_scope(hall.campus):
        settle_with_face(attempt_id=attempt.pk, now=timezone.now())
    settled = offline_attempt(hall)
    assert (settled.outcome, settled.reason) == ("accepted", "")
    assert settled.factors["face"]["passed"] is True
    (left,) = page.evaluate(KEPT, hall.student.pk)
    assert not {"photo", "body"} & set(left)


@with_face
def test_a_photo_that_nobody_sends_is_deleted_after_a_day(with_photo: Page, hall: Cast) -> None:
    page = with_photo
    page.get_by_role("button", name="Take the photo").tap()
    expect(heading(page, "Waiting to be sent")).to_be_visible()
    days = 25 * 60 * 60 * 1000
    page.evaluate("by => { const now = Date.now(); Date.now = () => now + by; }", days)
    for student in (hall.classmate.pk, hall.student.pk):  # whoever looks first
        kept = page.evaluate(KEPT, student)
    assert [("body" in one, "photo" in one) for one in kept] == [(True, False)]


@with_face
def test_closing_the_page_at_the_photo_loses_nothing(
    with_photo: Page, hall: Cast, site: str
) -> None:
    """It is asked for again when the page is shown again, and goes without in a while."""
    page = with_photo
    page.reload()
    expect(heading(page, "Your face")).to_be_visible(timeout=12_000)
    held: list[dict[str, Any]] = page.evaluate(KEPT, hall.student.pk)
    assert [one["heldUntil"] > one["at"] for one in held] == [True]
    page.get_by_role("button", name="Go on without a photo").tap()
    expect(heading(page, "Waiting to be sent")).to_be_visible()
    send(page, site)
    attempt = offline_attempt(hall)
    assert (attempt.outcome, attempt.reason) == ("waiting", "no_photo")


@pytest.mark.parametrize("signs", [True, False])
def test_a_passkey_signs_without_network(
    request: pytest.FixtureRequest,
    phone: Callable[..., Page],  # noqa: F811
    hall: Cast,
    site: str,
    signs: bool,
) -> None:
    policy(hall, person="required")  # copied at the opening
    scan: Callable[[], str] = request.getfixturevalue("wall")
    page = phone()
    authentic(page)
    with_passkey(page, site, hall)
    page.goto(scan())
    page.get_by_role("button", name="Use this phone").tap()
    expect(heading(page, "You are here")).to_be_visible()
    without_network(page, scan)
    expect(heading(page, "Confirm with your passkey")).to_be_visible(timeout=12_000)
    assert violations(page) == []
    name = "Use your passkey" if signs else "Go on without it"
    page.get_by_role("button", name=name).tap()
    expect(heading(page, "Waiting to be sent")).to_be_visible()
    send(page, site)
    attempt = offline_attempt(hall)
    person = attempt.factors["person"]["passed"]
    expected = ("accepted", "", True) if signs else ("waiting", "no_person", None)
    assert (attempt.outcome, attempt.reason, person) == expected
