"""A phone without network, the scanner in the page, and rapid codes, in a real Chromium."""

import base64
from collections.abc import Callable
from typing import Any

from django.utils import timezone
from playwright.sync_api import Page, expect

from apps.audit.services import SYSTEM
from apps.checkin.models import CheckInAttempt
from apps.checkin.services.rapid_codes import challenge_show
from apps.qr_otp.models import Scan
from apps.sessions.models import ClassSession
from apps.sessions.services import RAPID_CODE, session_complete
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
from tests.factories import Cast

# A camera that sees what the test puts before it: `look(src)` draws it at an angle.
CAMERA = """
(() => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 1280, height: 960 });
  const context = canvas.getContext("2d");
  context.fillRect(0, 0, 1280, 960);
  setInterval(() => { context.fillStyle = "#123"; context.fillRect(0, 0, 2, 2); }, 50);
  navigator.mediaDevices.getUserMedia = async () => canvas.captureStream(15);
  window.look = async (src) => {
    const image = new Image();
    image.src = src;
    await image.decode();
    context.setTransform(1, 0.08, -0.05, 1, 420, 240);
    context.drawImage(image, 0, 0, 420, 420);
    context.setTransform(1, 0, 0, 1, 0, 0);
  };
})();
"""

LOSES_REDEEMS = """
const whole = window.fetch;
window.fetch = (url, options) =>
  String(url).endsWith("/redeem") ? Promise.reject(new TypeError("lost")) : whole(url, options);
"""


def ready_phone(page: Page) -> None:
    """Until the worker has everything that it answers with."""
    page.evaluate("navigator.serviceWorker.ready")


def picture_of(projector: Page) -> str:
    shot = projector.locator("[data-qr]").screenshot()
    return "data:image/png;base64," + base64.b64encode(shot).decode()


def drawing_of(projector: Page) -> str:
    """The same, without the time that a picture of the page takes: codes of a challenge stand for
    a second each."""
    svg = projector.evaluate(
        """() => {
          const copy = document.querySelector("[data-qr] svg").cloneNode(true);
          copy.style.background = "white";
          copy.setAttribute("width", 420);
          copy.setAttribute("height", 420);
          return new XMLSerializer().serializeToString(copy);
        }"""
    )
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def a_newer_code(wall: Callable[[], str], page: Page) -> str:  # noqa: F811
    """Of a window that began after what the phone has asked so far."""
    old = code = wall()
    while code == old:
        page.wait_for_timeout(200)
        code = wall()
    return code


def test_without_network_it_is_kept_and_sent_once(
    wall: Callable[[], str],  # noqa: F811
    phone: Callable[..., Page],  # noqa: F811
    hall: Cast,
    session: ClassSession,  # noqa: F811
    site: str,
) -> None:
    page = bound_page(phone(), hall, wall)
    ready_phone(page)
    page.goto("about:blank")
    page.context.set_offline(True)
    page.goto(a_newer_code(wall, wall.page))  # type: ignore[attr-defined]
    expect(heading(page, "Waiting to be sent")).to_be_visible(timeout=12_000)
    assert violations(page) == []
    assert hall.student.full_name not in page.content()
    page.reload()  # nothing is kept twice
    expect(heading(page, "Waiting to be sent")).to_be_visible()
    expect(page.locator("[data-entries] li")).to_have_count(1)
    page.goto("about:blank")  # closing the page loses nothing
    page.context.set_offline(False)
    page.goto(f"{site}/c/scan")
    entry = page.locator("[data-entries] li")
    expect(entry).to_have_count(1)
    expect(entry).not_to_contain_text("Waiting to be sent", timeout=12_000)
    page.reload()
    with campus_scope(hall.campus):
        sent = CheckInAttempt.objects.get(offline=True)
    assert sent.device_counter == 1
    assert (sent.outcome, sent.reason) == ("accepted", "")
    assert sent.factors["location"]["passed"] is True
    kept = page.evaluate("student => self.campusKept.list(student)", hall.student.pk)
    assert [("body" in one, bool(one["sent"])) for one in kept] == [(False, True)]


def test_what_was_kept_is_sent_in_the_background(
    wall: Callable[[], str],  # noqa: F811
    phone: Callable[..., Page],  # noqa: F811
    hall: Cast,
    session: ClassSession,  # noqa: F811
) -> None:
    """Background Sync wakes the worker; no page of ours is open."""
    page = bound_page(phone(), hall, wall)
    devtools = page.context.new_cdp_session(page)
    found: list[dict[str, Any]] = []
    devtools.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda event: found.extend(event["registrations"]),
    )
    devtools.send("ServiceWorker.enable")
    ready_phone(page)
    page.goto("about:blank")
    page.context.set_offline(True)
    page.goto(a_newer_code(wall, wall.page))  # type: ignore[attr-defined]
    expect(heading(page, "Waiting to be sent")).to_be_visible(timeout=12_000)
    tag = page.evaluate("self.campusKept.TAG")
    scope = found[-1]["scopeURL"]
    page.goto("about:blank")
    page.context.set_offline(False)
    where = {"origin": scope.rstrip("/"), "registrationId": found[-1]["registrationId"]}
    devtools.send("ServiceWorker.dispatchSyncEvent", {**where, "tag": tag, "lastChance": False})
    for _look in range(60):
        with campus_scope(hall.campus):
            if CheckInAttempt.objects.filter(offline=True).exists():
                break
        page.wait_for_timeout(200)
    with campus_scope(hall.campus):
        assert CheckInAttempt.objects.get(offline=True).outcome == "accepted"


def test_a_network_that_is_lost_after_the_link_loses_nothing(
    wall: Callable[[], str],  # noqa: F811
    phone: Callable[..., Page],  # noqa: F811
    hall: Cast,
    session: ClassSession,  # noqa: F811
    site: str,
) -> None:
    """The page was loaded while signed in: that alone is nothing against the check-in."""
    page = bound_page(phone(), hall, wall)
    ready_phone(page)
    page.goto("about:blank")
    page.add_init_script(LOSES_REDEEMS)
    page.goto(a_newer_code(wall, wall.page))  # type: ignore[attr-defined]
    expect(heading(page, "No connection")).to_be_visible(timeout=15_000)
    page.context.set_offline(True)
    page.get_by_role("link", name="Keep it and send it later").tap()
    expect(heading(page, "Waiting to be sent")).to_be_visible(timeout=12_000)
    page.context.set_offline(False)
    page.goto(f"{site}/c/scan")
    expect(page.locator("[data-entries] li")).not_to_contain_text(
        "Waiting to be sent", timeout=12_000
    )
    with campus_scope(hall.campus):
        sent = CheckInAttempt.objects.get(offline=True)
    assert (sent.outcome, sent.reason) == ("accepted", "")
    assert sent.factors["location"]["passed"] is True


def test_the_scanner_reads_the_projector(
    wall: Callable[[], str],  # noqa: F811
    phone: Callable[..., Page],  # noqa: F811
    hall: Cast,
    site: str,
) -> None:
    page = bound_page(phone(), hall, wall)
    page.add_init_script(CAMERA)
    page.goto(f"{site}/c/scan")
    expect(heading(page, "Scan the code")).to_be_visible()
    assert violations(page) == []
    projector: Page = wall.page  # type: ignore[attr-defined]
    for _look in range(20):
        # Not waited for: the page that found the code goes away.
        page.evaluate("src => { window.look?.(src) }", picture_of(projector))
        if "/C/" in page.url:
            break
        page.wait_for_timeout(500)
    expect(heading(page, "You are here")).to_be_visible()


def test_an_open_page_answers_a_challenge_by_itself(
    wall: Callable[[], str],  # noqa: F811
    phone: Callable[..., Page],  # noqa: F811
    hall: Cast,
    session: ClassSession,  # noqa: F811
) -> None:
    page = phone()
    page.add_init_script(CAMERA)
    bound_page(page, hall, wall)
    projector: Page = wall.page  # type: ignore[attr-defined]
    codes = 0
    for _each in range(3):  # a busy machine may look at too few codes of one
        began = timezone.now()
        with campus_scope(hall.campus):
            challenge_show(session=session, now=began, actor=SYSTEM)
        expect(page.get_by_role("dialog")).to_be_visible()
        while page.get_by_role("dialog").is_visible():
            page.evaluate("src => window.look(src)", drawing_of(projector))
        with campus_scope(hall.campus):
            counted = Scan.objects.filter(purpose=RAPID_CODE, accepted=True, at__gte=began)
            codes = counted.values("window").distinct().count()
        if codes >= 3:
            break
    assert codes >= 3


def test_an_open_page_stops_asking_for_challenges(
    wall: Callable[[], str],  # noqa: F811
    phone: Callable[..., Page],  # noqa: F811
    hall: Cast,
    session: ClassSession,  # noqa: F811
) -> None:
    """After twenty minutes until it is shown again, and for good when the session is over."""
    page = phone()
    page.clock.install()
    bound_page(page, hall, wall)
    asked: list[Any] = []
    page.on("response", lambda answer: asked.append(answer) if "/c/state?" in answer.url else None)
    with page.expect_response("**/c/state?*"):
        pass  # the clock goes on by itself
    page.clock.fast_forward("20:01")
    page.clock.run_for(3000)
    page.evaluate("fetch('/healthz')")  # what was under way is answered
    asked.clear()
    page.clock.run_for(60_000)
    page.evaluate("fetch('/healthz')")
    assert asked == []

    with page.expect_response("**/c/state?*") as once_more:
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    assert once_more.value.json()["open"] is True
    with campus_scope(hall.campus):
        session_complete(session=session, now=timezone.now(), actor=SYSTEM, enrolled=1)
    with page.expect_response("**/c/state?*") as last:
        pass
    assert last.value.json()["open"] is False
    asked.clear()
    page.clock.run_for(60_000)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.evaluate("fetch('/healthz')")
    assert asked == []


def test_the_kept_page_is_the_same_for_everybody(
    phone: Callable[..., Page],  # noqa: F811
    wall: Callable[[], str],  # noqa: F811
    hall: Cast,
    site: str,
) -> None:
    page = bound_page(phone(), hall, wall)
    signed_in = page.evaluate("fetch('/c/scan').then((answer) => answer.text())")
    other = phone()
    other.goto(f"{site}/c/scan")
    nobody = other.evaluate("fetch('/c/scan').then((answer) => answer.text())")
    assert signed_in == nobody
