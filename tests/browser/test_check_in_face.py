"""A face in the browser's check-in: the camera is a canvas stream that shows a portrait."""

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from apps.attendance.models import Policy
from apps.audit.services import SYSTEM
from apps.biometrics.engines import Engine, Pixels
from apps.biometrics.images import read_photo
from apps.biometrics.services import faces_erase
from apps.checkin.models import CheckInAttempt
from apps.checkin.services.settle import settle_with_face
from apps.liveness.models import LivenessCheck
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.biometrics.conftest import (  # noqa: F401
    astronaut,
    astronaut_jpeg,
    astronaut_path,
    engine,
    media,
    models_dir,
)
from tests.biometrics.support import enable_faces, enrol, give_consent
from tests.browser.looks import violations
from tests.browser.test_check_in import (  # noqa: F401
    fill_sign_in,
    heading,
    opened,
    phone,
    wall,
)
from tests.factories import Cast, make_session
from tests.liveness.support import Portrait, ask_always

CAMERA = """
navigator.mediaDevices.getUserMedia = async () => {
  if (window.cameraProblem) throw new DOMException("no", window.cameraProblem);
  const image = new Image();
  image.src = "data:image/jpeg;base64,%s";
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = image.width;
  canvas.height = image.height;
  const draw = () => canvas.getContext("2d").drawImage(image, 0, 0);
  draw();
  setInterval(draw, 50);
  return canvas.captureStream(20);
};
"""


@pytest.fixture
def session(
    hall: Cast,
    media: Any,  # noqa: F811
    engine: object,  # noqa: F811
    astronaut_jpeg: bytes,  # noqa: F811
) -> ClassSession:
    """Faces are preferred, and the student's is enrolled."""
    with campus_scope(hall.campus):
        enable_faces()
        assert enrol(hall.student, astronaut_jpeg, timezone.now()).status == "accepted"
        return make_session(hall.course, starts_at=timezone.now() - timedelta(minutes=1))


@pytest.fixture
def page(
    wall: Callable[[], str],  # noqa: F811
    phone: Callable[..., Page],  # noqa: F811
    hall: Cast,
    session: ClassSession,
    astronaut_jpeg: bytes,  # noqa: F811
) -> Page:
    """A phone at the photo."""
    found = phone()
    found.add_init_script(CAMERA % base64.b64encode(astronaut_jpeg).decode())
    found.goto(wall())
    fill_sign_in(found, hall.student.email)
    found.get_by_role("button", name="Use this phone").tap()
    expect(heading(found, "Your face")).to_be_visible()
    return found


def test_the_page_waits_until_the_face_is_compared(page: Page, hall: Cast) -> None:
    assert violations(page) == []
    page.get_by_role("button", name="Take the photo").tap()
    expect(heading(page, "Comparing the photo…")).to_be_visible()
    with campus_scope(hall.campus):
        attempt = CheckInAttempt.objects.get()
        settle_with_face(attempt_id=attempt.pk, now=timezone.now())
    expect(heading(page, "You are here")).to_be_visible()
    with campus_scope(hall.campus):
        assert CheckInAttempt.objects.get().factors["face"]["passed"] is True


def test_without_a_photo_it_waits_and_another_photo_settles_it(page: Page, hall: Cast) -> None:
    page.get_by_role("button", name="Go on without a photo").tap()
    expect(heading(page, "Waiting for your lecturer")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("button", name="Take another photo").tap()
    page.get_by_role("button", name="Take the photo").tap()
    expect(heading(page, "Comparing the photo…")).to_be_visible()
    with campus_scope(hall.campus):
        pending = CheckInAttempt.objects.get(outcome="pending")
        settle_with_face(attempt_id=pending.pk, now=timezone.now())
    expect(heading(page, "You are here")).to_be_visible()


TURNING = """
const poses = %s;
navigator.mediaDevices.getUserMedia = async () => {
  const images = {};
  for (const [way, data] of Object.entries(poses)) {
    images[way] = new Image();
    images[way].src = "data:image/jpeg;base64," + data;
    await images[way].decode();
  }
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 480;
  const draw = () => {
    const arrow = document.querySelector("[data-turns]");
    const way = arrow.hasAttribute("hidden") ? "straight" : (arrow.dataset.way ?? "straight");
    canvas.getContext("2d").drawImage(images[way], 0, 0);
  };
  draw();
  setInterval(draw, 50);
  return canvas.captureStream(20);
};
"""


def test_head_turns_are_shown_one_after_the_other_and_seen_live(
    wall: Callable[[], str],  # noqa: F811
    phone: Callable[..., Page],  # noqa: F811
    hall: Cast,
    session: ClassSession,
    monkeypatch: pytest.MonkeyPatch,
    engine: Engine,  # noqa: F811
    astronaut: Pixels,  # noqa: F811
) -> None:
    portrait = Portrait(engine, astronaut)
    ask_always(monkeypatch)
    with campus_scope(hall.campus):
        faces_erase(student=hall.student, now=timezone.now(), actor=SYSTEM)
        jpeg = read_photo(portrait.enrolled()).jpeg()
        assert enrol(hall.student, jpeg, timezone.now()).status == "accepted"
        session.refresh_from_db()  # it was opened by the projector
        session.policy["liveness"] = "required"
        session.save()
        Policy.objects.create(version=9, liveness="required", created_at=timezone.now())
        give_consent(hall.student, timezone.now())  # to the text that names head turns
    found = phone()
    poses = {way: base64.b64encode(jpeg).decode() for way, jpeg in portrait.each_way().items()}
    found.add_init_script(TURNING % json.dumps(poses))
    found.goto(wall())
    fill_sign_in(found, hall.student.email)
    found.get_by_role("button", name="Use this phone").tap()
    expect(heading(found, "Your face")).to_be_visible()
    expect(found.get_by_text("an arrow shows two or three times")).to_be_visible()
    assert violations(found) == []
    found.get_by_role("button", name="Take the photo").tap()
    expect(found.get_by_role("status").filter(has_text="head")).to_be_visible()
    expect(found.get_by_role("button", name="Only the photo")).to_be_hidden()
    expect(heading(found, "Comparing the photo…")).to_be_visible(timeout=20_000)
    with campus_scope(hall.campus):
        attempt = CheckInAttempt.objects.get()
        settle_with_face(attempt_id=attempt.pk, now=timezone.now())
        check = LivenessCheck.objects.get()
    assert (check.decision, check.reason) == ("passed", ""), check.measurements
    expect(heading(found, "You are here")).to_be_visible()


DARK = """
const draw = CanvasRenderingContext2D.prototype.drawImage;
CanvasRenderingContext2D.prototype.drawImage = function (...given) {
  draw.apply(this, given);
  if (!window.isDark) return;
  this.fillStyle = "rgb(0 0 0 / 97%)";
  this.fillRect(0, 0, this.canvas.width, this.canvas.height);
};
"""


def test_the_next_photo_comes_with_what_would_make_it_better(page: Page) -> None:
    page.evaluate(DARK + "window.isDark = true;")
    page.wait_for_timeout(200)
    page.get_by_role("button", name="Take the photo").tap()
    expect(heading(page, "Waiting for your lecturer")).to_be_visible()
    words = page.locator("[data-advice] li").last.inner_text()
    page.get_by_role("button", name="Take another photo").tap()
    expect(page.locator("[data-face-hint]")).to_have_text(words)
    assert violations(page) == []


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        ("NotAllowedError", "The camera is not allowed for this page."),
        ("NotReadableError", "Another app is using the camera."),
        ("NotFoundError", "No camera was found."),
    ],
)
def test_a_camera_that_does_not_come_is_said_in_words(
    wall: Callable[[], str],  # noqa: F811
    phone: Callable[..., Page],  # noqa: F811
    hall: Cast,
    session: ClassSession,
    problem: str,
    words: str,
) -> None:
    page = phone()
    page.add_init_script(CAMERA % "" + f"window.cameraProblem = '{problem}'")
    page.goto(wall())
    fill_sign_in(page, hall.student.email)
    page.get_by_role("button", name="Use this phone").tap()
    expect(page.get_by_text(words)).to_be_visible()
    page.get_by_role("button", name="Go on without a photo").tap()
    expect(heading(page, "Waiting for your lecturer")).to_be_visible()
