"""The student's own pages in a real browser: home, tabs, devices, consents, face, announcements."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from apps.accounts.models import Device
from apps.biometrics.models import FaceSample
from apps.enrollments.models import Placement
from apps.notifications.services import notify
from apps.privacy.models import Consent
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from tests.browser.conftest import sign_in
from tests.browser.looks import violations
from tests.browser.test_class import PHONE
from tests.factories import Cast, make_session
from tests.leave.support import closed, opened

PAGES = (
    "/home/",
    "/attendance/",
    "/week/",
    "/more/",
    "/devices/",
    "/consents/",
    "/face/",
    "/class/",
    "/leave/",
    "/messages/",
)
# A camera that shows noise, as a canvas: each photo is another one.
CAMERA = """
  navigator.mediaDevices.getUserMedia = async (asked) => {
    window.asked = asked;
    const canvas = document.createElement("canvas");
    canvas.width = 640;
    canvas.height = 480;
    const context = canvas.getContext("2d");
    setInterval(() => {
      context.fillStyle = `hsl(${Math.random() * 360} 60% 50%)`;
      context.fillRect(Math.random() * 600, Math.random() * 440, 40, 40);
    }, 20);
    window.stream = canvas.captureStream(30);
    return window.stream;
  };
"""
NO_CAMERA = """
  navigator.mediaDevices.getUserMedia = async () => {
    throw new DOMException("no", "NotAllowedError");
  };
"""


@pytest.fixture
def busy(hall: Cast) -> Cast:
    """A day with an open session, one ahead, a missed one, a message, a device and a class."""
    now = timezone.now()
    with campus_scope(hall.campus):
        closed(hall, now - timedelta(days=1))
        opened(hall, now - timedelta(minutes=5))
        make_session(hall.course, starts_at=now + timedelta(days=1))
        notify(
            kind="announcement",
            user_ids=[hall.student.user_id],
            title="Bring your laptops",
            body="We practise tomorrow.",
            now=now,
            key="laptops",
        )
        for person in (hall.representative, hall.student, hall.classmate):
            Placement.objects.create(student=person, section=hall.course.section)
        Device.objects.create(
            student=hall.student,
            device_uuid="d",
            public_key=b"k",
            kind="web",
            name="Chrome on Android",
            bound_at=now - timedelta(days=3),
            last_seen_at=now,
        )
    return hall


@pytest.fixture
def agreed(busy: Cast) -> Cast:
    """Faces are used here, and the student agreed."""
    Campus.objects.filter(pk=busy.campus.pk).update(face_enabled=True)
    with campus_scope(busy.campus):
        Consent.objects.create(
            student=busy.student, kind="face", version="2026-2", given_at=timezone.now()
        )
    return busy


def judge(cast: Cast, status: str, reason: str = "") -> None:
    """What the worker does with the photo that waits."""
    with campus_scope(cast.campus):
        waiting = FaceSample.objects.filter(status="pending")
        assert waiting.update(status=status, reason=reason, judged_at=timezone.now()) == 1


def test_home_leads_to_what_is_on(page: Page, site: str, busy: Cast, complaints: list[str]) -> None:
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    sign_in(page, site, busy.student.email)
    expect(page.get_by_role("heading", name="Today", exact=True)).to_be_visible()
    check_in = page.locator("main").get_by_role("link", name="Check in")
    expect(check_in).to_be_in_viewport()
    expect(check_in).to_have_attribute("href", "/c")
    expect(page.get_by_text("Below the required")).to_be_visible()
    page.get_by_role("link", name="All messages").click()
    expect(page.get_by_role("heading", name="Bring your laptops")).to_be_visible()
    assert complaints == []


def test_tabs_stand_at_the_bottom_of_a_phone_and_are_reached_by_keyboard(
    page: Page, site: str, busy: Cast
) -> None:
    sign_in(page, site, busy.student.email)
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    tabs = page.get_by_role("navigation", name="Main")
    box = tabs.bounding_box()
    assert box is not None
    assert round(box["y"] + box["height"]) == PHONE["height"]
    names = ["Home", "Attendance", "Check in", "Week", "More"]
    for link in tabs.get_by_role("link").all():
        target = link.bounding_box()
        assert target is not None
        assert target["width"] >= 44
        assert target["height"] >= 44
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Tab")
    for name in names:
        page.keyboard.press("Tab")
        expect(tabs.get_by_role("link", name=name)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="More", exact=True)).to_be_visible()
    expect(tabs.locator("[aria-current=page]")).to_have_text("More")
    page.set_viewport_size({"width": 1280, "height": 800})
    box = tabs.bounding_box()
    assert box is not None
    assert box["y"] < 20


def test_the_end_of_a_page_is_not_under_the_tabs(page: Page, site: str, busy: Cast) -> None:
    page.set_viewport_size({"width": 360, "height": 640})
    sign_in(page, site, busy.student.email)
    for path in PAGES:
        page.goto(f"{site}{path}")
        # In one step: what a script adds later must not move the end between the two.
        under = page.evaluate(
            """() => {
              window.scrollTo({ top: document.body.scrollHeight, behavior: "instant" });
              const top = document.querySelector(".tabs").getBoundingClientRect().top;
              const ends = [...document.querySelectorAll("main :is(a, button, p), footer *")]
                .filter((one) => one.checkVisibility())
                .map((one) => one.getBoundingClientRect().bottom);
              return Math.max(...ends) > top;
            }"""
        )
        assert not under, path


def test_a_device_is_kept_after_another_was_asked_for(
    page: Page, site: str, busy: Cast, complaints: list[str]
) -> None:
    sign_in(page, site, busy.student.email)
    page.goto(f"{site}/devices/")
    expect(page.get_by_text("Chrome on Android")).to_be_visible()
    page.get_by_text("Use another device").click()
    page.get_by_role("button", name="Ask for another device").click()
    expect(page.get_by_text("You can bind another device from")).to_be_visible()
    page.get_by_role("button", name="Keep this device").click()
    expect(page.get_by_text("Your device stays bound.")).to_be_visible()
    assert complaints == []


def test_another_browser_is_signed_out(browser: Browser, page: Page, site: str, busy: Cast) -> None:
    elsewhere = browser.new_context(user_agent="Mozilla/5.0 (iPhone) Safari/604.1")
    other = elsewhere.new_page()
    sign_in(other, site, busy.student.email)
    sign_in(page, site, busy.student.email)
    page.goto(f"{site}/devices/")
    row = page.locator("li", has_text="Safari on iPhone")
    row.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("Signed out in 1 place.")).to_be_visible()
    other.goto(f"{site}/home/")
    expect(other.locator("input[name=login]")).to_be_visible()
    elsewhere.close()


def test_from_consent_over_three_photos_to_withdrawal(
    page: Page, site: str, busy: Cast, complaints: list[str]
) -> None:
    Campus.objects.filter(pk=busy.campus.pk).update(face_enabled=True)
    page.add_init_script(CAMERA)
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    sign_in(page, site, busy.student.email)
    page.goto(f"{site}/consents/")
    page.get_by_role("button", name="I agree").click()
    page.wait_for_url("**/face/")

    page.get_by_role("button", name="Start the camera").click()
    take = page.get_by_role("button", name="Take the photo")
    expect(take).to_be_focused()
    say = page.locator("#face-state .face-say")
    for words, outcome in (
        ("Look straight into the camera", "refused"),
        ("Look straight into the camera", "accepted"),
        ("Turn your head slightly to your left", "accepted"),
        ("Turn your head slightly to your right", "accepted"),
    ):
        expect(say).to_have_text(words)
        expect(page.locator("[data-say]")).to_have_text(words)
        assert violations(page) == []
        take.click()
        expect(say).to_contain_text("is being checked")
        expect(take).to_be_disabled()
        judge(busy, outcome, "too_dark" if outcome == "refused" else "")
        if outcome == "refused":
            expect(page.locator("#face-state .notice")).to_contain_text("Find more light.")
    expect(page.get_by_text("Your face is enrolled.")).to_be_visible()
    expect(page.locator("[data-camera]")).to_be_hidden()
    assert page.evaluate("window.stream.getTracks().every((one) => one.readyState === 'ended')")
    assert page.evaluate("window.asked.audio") is False

    page.get_by_role("button", name="Delete photo 1").click()
    expect(page.get_by_role("button", name="Delete photo 4")).to_have_count(0)
    page.goto(f"{site}/consents/")
    page.get_by_text("Withdraw", exact=True).click()
    page.get_by_role("button", name="Withdraw and erase").click()
    expect(page.get_by_text("Withdrawn.")).to_be_visible()
    with campus_scope(busy.campus):
        assert not FaceSample.objects.exists()
    assert complaints == []


def test_without_a_camera_a_photo_is_chosen(
    page: Page, site: str, agreed: Cast, complaints: list[str]
) -> None:
    page.add_init_script(NO_CAMERA)
    sign_in(page, site, agreed.student.email)
    page.goto(f"{site}/face/")
    page.get_by_role("button", name="Start the camera").click()
    expect(page.get_by_text("The browser may not use the camera.")).to_be_visible()
    page.get_by_text("No camera? Choose a photo").click()
    page.get_by_label("Photo", exact=True).set_input_files("static/img/app/icon-192.png")
    page.get_by_role("button", name="Send the photo").click()
    expect(page.locator("#face-state .face-say")).to_contain_text("is being checked")
    judge(agreed, "accepted")
    expect(page.locator("#face-state .face-say")).to_contain_text("to your left")
    assert complaints == []


def test_a_representative_writes_to_the_class(
    page: Page, site: str, busy: Cast, complaints: list[str]
) -> None:
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    sign_in(page, site, busy.representative.email)
    page.get_by_role("navigation", name="Main").get_by_role("link", name="More").click()
    page.get_by_role("link", name="My class").click()
    page.get_by_role("link", name="Write to my class").click()
    page.get_by_text("It reaches 2 classmates").click()
    expect(page.get_by_text(busy.classmate.full_name)).to_be_visible()
    page.get_by_label("Title").fill("Room")
    page.get_by_label("Message").fill("We meet in 102.\nBring a pen.")
    page.get_by_role("button", name="Look at it first").click()
    expect(page.get_by_role("heading", name="Room")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("button", name="Send to 2 classmates").click()
    expect(page.locator("article")).to_contain_text("to 2 classmates")
    assert complaints == []


def test_the_home_screen_is_offered_in_safari_until_it_is_dismissed(
    browser: Browser, site: str, busy: Cast
) -> None:
    phone = browser.new_context(
        user_agent="Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) Safari/604.1"
    )
    page = phone.new_page()
    sign_in(page, site, busy.student.email)
    hint = page.locator("[data-home-screen]")
    expect(hint).to_contain_text("Add to Home Screen")
    hint.get_by_role("button", name="Not now").click()
    expect(hint).to_be_hidden()
    page.reload()
    expect(page.get_by_role("heading", name="Today", exact=True)).to_be_visible()
    expect(hint).to_be_hidden()
    phone.close()


def test_home_is_small_over_the_wire(page: Page, site: str, busy: Cast) -> None:
    """Everything that a first visit loads, compressed as in production."""
    sign_in(page, site, busy.student.email)
    sizes = page.evaluate(
        """async () => {
          const urls = performance.getEntriesByType("resource")
            .map((one) => one.name.split("#")[0]);
          const squeeze = async (url) => {
            const body = (await fetch(url)).body.pipeThrough(new CompressionStream("gzip"));
            return [url, (await new Response(body).arrayBuffer()).byteLength];
          };
          return Promise.all([...new Set([location.href, ...urls])].map(squeeze));
        }"""
    )
    assert len(sizes) > 8
    assert sum(size for _url, size in sizes) <= 60_000, sorted(sizes, key=lambda row: -row[1])


def test_the_button_of_the_camera_is_not_under_the_tabs(
    page: Page, site: str, agreed: Cast
) -> None:
    page.add_init_script(CAMERA)
    page.set_viewport_size({"width": 360, "height": 640})
    sign_in(page, site, agreed.student.email)
    page.goto(f"{site}/face/")
    page.get_by_role("button", name="Start the camera").click()
    take = page.get_by_role("button", name="Take the photo")
    expect(take).to_be_focused()
    button, tabs = take.bounding_box(), page.get_by_role("navigation", name="Main").bounding_box()
    assert button is not None
    assert tabs is not None
    assert button["y"] + button["height"] <= tabs["y"]
