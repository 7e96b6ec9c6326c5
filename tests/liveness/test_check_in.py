"""Head turns with a check-in: what phones send, what a worker finds, what stays."""

import base64
import json
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from django.utils import timezone

from apps.attendance.models import AttendanceRecord, Policy
from apps.audit.services import SYSTEM
from apps.biometrics.engines import Engine, Pixels
from apps.biometrics.images import read_photo
from apps.biometrics.models import FaceSample, StoredImage
from apps.biometrics.services import images_purge
from apps.checkin.models import CheckInAttempt
from apps.checkin.selectors.hot_path import attendee_context
from apps.checkin.services.settle import settle_with_face, settle_without_face
from apps.face_models.services import reembed_some, reembed_start
from apps.liveness.judging import Decision
from apps.liveness.models import LivenessCheck, LivenessFrame
from apps.liveness.services import KNOWN_FOR, checks_forget, liveness_judge
from apps.liveness.turns import turns_read
from apps.liveness.wording import agreed_to_head_turns
from apps.portal.student.selectors.check_in import session_facts
from apps.privacy.selectors import active_consent
from apps.privacy.services import consent_withdraw
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from bench.liveness_pictures import saved_anew
from tests.attendance.support import HEARD, HERE, open_session
from tests.biometrics.support import enrol, give_consent, jpeg_of, plain_jpeg
from tests.factories import Cast
from tests.liveness.support import Portrait, ask_always, decoded, encoded
from tests.phone import Phone, code_of, named_frames

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]
Frames = list[tuple[bytes, int, int]]
LATER = timedelta(seconds=30)  # a head does not turn at once


@pytest.fixture(scope="module")
def portrait(engine: Engine, astronaut: Pixels) -> Portrait:
    return Portrait(engine, astronaut)


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> None:
    ask_always(monkeypatch)


@pytest.fixture
def enrolled(cast: Cast, portrait: Portrait) -> Cast:
    with campus_scope(cast.campus):
        sample = enrol(cast.student, read_photo(portrait.enrolled()).jpeg(), timezone.now())
        assert sample.status == "accepted", sample.reason
    return cast


def under(cast: Cast, liveness: str, *, agreed: bool = True, **rules: Any) -> ClassSession:
    """A session opened under a policy that makes this of head turns."""
    with campus_scope(cast.campus):
        number = Policy.objects.count() + 1
        Policy.objects.create(version=number, liveness=liveness, created_at=timezone.now(), **rules)
        if agreed and active_consent(student=cast.student, kind="face") is not None:
            give_consent(cast.student, timezone.now())  # to the text that names head turns
    return open_session(cast)


class Visit:
    """One scan; the frames are made for the turns that its ticket asks for."""

    def __init__(
        self, cast: Cast, session: ClassSession, *, phone: Phone | None = None, student: Any = None
    ) -> None:
        self.cast = cast
        self.phone = phone or Phone(cast, student or cast.student)
        code = code_of(cast, session.pk, timezone.now())
        answer = self.phone.redeem(token=code.token).json()
        self.ticket, self.turns = answer["ticket"], turns_read(",".join(answer["turns"]))

    def send(self, selfie: bytes | None, frames: Frames | None = None) -> dict[str, Any]:
        """What the phone knows once a worker has looked."""
        answer = self.phone.check_in(
            self.ticket, selfie=selfie, frames=frames or (), location=HERE, beacons=HEARD
        )
        assert answer.status_code == 201, answer.content
        body: dict[str, Any] = answer.json()
        with campus_scope(self.cast.campus):
            # The ticket was issued half a minute ago.
            for check in LivenessCheck.objects.filter(reference=body["id"]):
                check.told_at -= LATER
                check.save()
            if body["outcome"] == "pending":
                settle_with_face(attempt_id=body["id"], now=timezone.now())
        return self.phone.client.get(f"/api/v1/check-in/attempts/{body['id']}").json()


def outcome(body: dict[str, Any]) -> tuple[str, str, str]:
    return body["outcome"], body["reason"], body["factors"]["face"]["reason"]


def test_a_head_that_turns_as_asked_is_present(enrolled: Cast, portrait: Portrait) -> None:
    visit = Visit(enrolled, under(enrolled, "required"))
    body = visit.send(portrait.selfie(), portrait.live(visit.turns))
    assert outcome(body) == ("accepted", "", "matched"), body
    assert body["score"] == 1.0
    with campus_scope(enrolled.campus):
        check = LivenessCheck.objects.get()
        assert check.decision == "passed"
        assert check.measurements["across"]
        frames = check.frames.all()
        assert len(frames) == 1 + 2 * len(visit.turns)
        assert all(frame.image is not None and frame.fingerprint for frame in frames)
        # A second worker finds the answer instead of looking again.
        again = liveness_judge(reference=body["id"], now=timezone.now())
        assert again is not None
        assert again.decision == Decision.PASSED


def test_a_print_that_is_tilted_does_not_count_and_is_asked_again(
    enrolled: Cast, portrait: Portrait
) -> None:
    visit = Visit(enrolled, under(enrolled, "required"))
    body = visit.send(portrait.selfie(), portrait.held_up(visit.turns))
    assert body["outcome"] in ("waiting", "refused")
    assert body["reason"] in ("live_unclear", "not_live")
    assert body["factors"]["face"]["reason"] in ("turns_not_followed", "turns_flat")
    assert body["photo_tries_left"] == 2
    with campus_scope(enrolled.campus):
        assert not AttendanceRecord.objects.filter(student=enrolled.student).exists()


@pytest.mark.parametrize(
    ("liveness", "expected"),
    [
        ("off", ("accepted", "", "matched")),
        ("preferred", ("accepted", "", "matched")),
        ("required", ("waiting", "live_unclear", "no_turns")),
    ],
)
def test_a_photo_alone(
    enrolled: Cast, portrait: Portrait, liveness: str, expected: tuple[str, str, str]
) -> None:
    body = Visit(enrolled, under(enrolled, liveness)).send(portrait.selfie())
    assert outcome(body) == expected


def test_frames_are_not_kept_where_nobody_asks_for_them(enrolled: Cast, portrait: Portrait) -> None:
    visit = Visit(enrolled, under(enrolled, "off"))
    assert visit.send(portrait.selfie(), portrait.live(visit.turns))["outcome"] == "accepted"
    with campus_scope(enrolled.campus):
        assert not LivenessCheck.objects.exists()


@pytest.mark.parametrize(
    ("liveness", "expected"),
    [
        ("preferred", ("accepted", "", "matched")),
        ("required", ("waiting", "live_unclear", "no_turns")),
    ],
)
def test_frames_are_not_kept_of_who_has_not_agreed_to_them(
    enrolled: Cast, portrait: Portrait, liveness: str, expected: tuple[str, str, str]
) -> None:
    session = under(enrolled, liveness, agreed=False)
    assert asked_of(enrolled, session) == "not_agreed"
    visit = Visit(enrolled, session)
    assert outcome(visit.send(portrait.selfie(), portrait.live(visit.turns))) == expected
    with campus_scope(enrolled.campus):
        assert not LivenessCheck.objects.exists()
        give_consent(enrolled.student, timezone.now())
    assert asked_of(enrolled, session) == liveness


def asked_of(cast: Cast, session: ClassSession) -> str:
    """What the check-in's page is told."""
    with campus_scope(cast.campus):
        assert cast.student.user is not None
        attendee = attendee_context(user_id=cast.student.user.pk, session_id=None)
        asked: str = session_facts(
            session,
            attendee=attendee,
            agreed=lambda: agreed_to_head_turns(student_id=attendee.id),
        )["liveness"]
    return asked


def test_the_same_frames_do_not_count_in_another_class(enrolled: Cast, portrait: Portrait) -> None:
    session = under(enrolled, "preferred")
    visit = Visit(enrolled, session)
    frames = portrait.live(visit.turns)
    assert visit.send(portrait.selfie(), frames)["outcome"] == "accepted"
    with campus_scope(enrolled.campus):
        LivenessFrame.objects.update(seen_at=timezone.now() - timedelta(days=1))
        ClassSession.objects.update(status=ClassSession.Status.COMPLETED)
    other = Visit(enrolled, open_session(enrolled), phone=visit.phone)
    anew = [
        (encoded(saved_anew(decoded(jpeg), portrait.rng)), turn, at_ms)
        for jpeg, turn, at_ms in frames
    ]
    body = other.send(portrait.selfie(), anew)
    assert outcome(body) == ("refused", "not_live", "turns_used_before")
    assert body["photo_tries_left"] == 2
    # Where a photo alone would do, it does not any more.
    assert outcome(other.send(portrait.selfie())) == ("waiting", "live_unclear", "no_turns")


def test_frames_that_nobody_could_look_at_end_undecided_and_are_known_again(
    enrolled: Cast, portrait: Portrait
) -> None:
    """Its worker was lost for an hour."""
    session = under(enrolled, "preferred")
    visit = Visit(enrolled, session)
    frames = portrait.live(visit.turns)
    lost = visit.phone.check_in(visit.ticket, selfie=portrait.selfie(), frames=frames).json()
    assert lost["outcome"] == "pending"
    now = timezone.now()
    with campus_scope(enrolled.campus):
        settle_without_face(attempt_id=lost["id"], now=now)
        check = LivenessCheck.objects.get()
        assert (check.decision, check.reason, check.judged_at) == ("undecided", "not_compared", now)
        late = liveness_judge(reference=lost["id"], now=now)
        assert late is not None
        assert late.decision == Decision.UNDECIDED  # a worker that comes after all
        LivenessFrame.objects.update(seen_at=now - timedelta(days=1))
        ClassSession.objects.update(status=ClassSession.Status.COMPLETED)
    other = Visit(enrolled, open_session(enrolled), phone=visit.phone)
    anew = [
        (encoded(saved_anew(decoded(jpeg), portrait.rng)), turn, at_ms)
        for jpeg, turn, at_ms in frames
    ]
    body = other.send(portrait.selfie(), anew)
    assert body["factors"]["face"]["reason"] == "turns_used_before"


def test_a_campus_with_another_model_sees_heads_turn_too(
    enrolled: Cast, portrait: Portrait, second: str
) -> None:
    now = timezone.now()
    with campus_scope(enrolled.campus):
        job = reembed_start(engine=second, user_id=None, actor=SYSTEM, now=now)
        progress: Any = SimpleNamespace(at=lambda *_numbers, **_phase: None)
        while reembed_some(job=job, progress=progress, now=now) is None:
            pass
    visit = Visit(enrolled, under(enrolled, "required"))
    body = visit.send(portrait.selfie(), portrait.live(visit.turns))
    assert outcome(body) == ("accepted", "", "matched"), body


def test_somebody_elses_frames_do_not_count(
    enrolled: Cast, portrait: Portrait, engine: Engine, demo_faces: Path
) -> None:
    visit = Visit(enrolled, under(enrolled, "required"))
    others = [path for path in sorted(demo_faces.glob("*/*")) if "astronaut" not in str(path)]
    other = Portrait(engine, read_photo(jpeg_of(others[0])).pixels())
    body = visit.send(portrait.selfie(), other.live(visit.turns))
    assert body["outcome"] in ("waiting", "refused")
    assert body["factors"]["face"]["reason"] in ("turns_another_person", "turns_unlike")


def test_dark_frames_accuse_nobody(enrolled: Cast, portrait: Portrait) -> None:
    visit = Visit(enrolled, under(enrolled, "required"))
    frames = portrait.live(visit.turns)
    frames[2] = (plain_jpeg("black"), *frames[2][1:])
    body = visit.send(portrait.selfie(), frames)
    assert outcome(body)[:2] == ("waiting", "photo_unclear")


def test_who_never_agreed_checks_in_as_well_without(enrolled: Cast) -> None:
    body = Visit(enrolled, under(enrolled, "required"), student=enrolled.classmate).send(None)
    assert (body["outcome"], body["score"]) == ("accepted", 1.0)
    assert "face" not in body["factors"]


# --- What is sent ------------------------------------------------------------------------------


def made_up(count: int = 5) -> Frames:
    return [(plain_jpeg(side=64 + n), min(n, 2), 1000 * n) for n in range(count)]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda named: named[:4], "min_length"),
        (lambda named: [{**named[0], "sha256": "0" * 64}, *named[1:]], "frames_not_signed"),
        (lambda named: [*named, named[0]], "frames_not_signed"),
        (lambda named: [{**named[0], "turn": 4}, *named[1:]], "max_value"),
        (lambda named: [{**named[0], "at_ms": -1}, *named[1:]], "min_value"),
        (lambda named: None, "frames_not_signed"),
    ],
)
def test_frames_are_those_that_were_signed(cast: Cast, change: Any, code: str) -> None:
    visit = Visit(cast, under(cast, "required"))
    frames = made_up()
    answer = send_named(visit, frames, change(named_frames(frames)))
    assert answer.status_code == 400, answer.content
    assert answer.json()["errors"][0]["code"] == code


def send_named(visit: Visit, frames: Frames, named: Any, *, kind: str = "application/json") -> Any:
    """As JSON, with frames named otherwise than they are."""
    text = json.dumps({"ticket": visit.ticket, "nonce": "nonce-of-frames", "frames": named})
    body = {
        "evidence": text,
        "signature": visit.phone.sign(text.encode()),
        "frames": [base64.b64encode(jpeg).decode() for jpeg, *_rest in frames],
    }
    return visit.phone.client.post("/api/v1/check-in", json.dumps(body), content_type=kind)


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8"])
def test_frames_may_come_as_json(enrolled: Cast, kind: str) -> None:
    visit = Visit(enrolled, under(enrolled, "required"))
    frames = made_up()
    answer = send_named(visit, frames, named_frames(frames), kind=kind)
    assert answer.status_code == 201, answer.content
    assert answer.json()["reason"] == "no_photo"  # frames are no selfie


def large_png() -> bytes:
    """Few bytes, many pixels."""
    _done, data = cv2.imencode(".png", np.zeros((2000, 2000), np.uint8))
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"no picture", "frame_not_an_image"),
        (b"x" * 300_000, "frame_too_large"),
        (large_png(), "frame_too_many_pixels"),
    ],
)
def test_a_frame_is_a_small_photo(cast: Cast, data: bytes, code: str) -> None:
    visit = Visit(cast, under(cast, "required"))
    frames = [(data, 0, 0), *made_up()[1:]]
    answer = visit.phone.check_in(visit.ticket, selfie=plain_jpeg(), frames=frames)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == code


# --- What stays ----------------------------------------------------------------------------------


@pytest.fixture
def checked(enrolled: Cast, portrait: Portrait) -> Cast:
    visit = Visit(enrolled, under(enrolled, "required"))
    visit.send(portrait.selfie(), portrait.live(visit.turns))
    return enrolled


def test_frames_go_with_the_selfies_and_fingerprints_after_90_days(checked: Cast) -> None:
    now = timezone.now()
    with campus_scope(checked.campus):
        while images_purge(now=now + timedelta(days=31)):
            pass
        frames = LivenessFrame.objects.filter(sample__isnull=True)
        assert set(frames.values_list("image", flat=True)) == {None}
        assert all(frame.fingerprint for frame in frames)
        assert checks_forget(now=now + KNOWN_FOR - timedelta(days=1)) == 0
        assert checks_forget(now=now + KNOWN_FOR + timedelta(days=1)) > 0
        # The enrolled photo stays known as long as it is enrolled.
        assert LivenessFrame.objects.get().sample == FaceSample.objects.get()


def test_who_withdraws_leaves_no_frame(checked: Cast) -> None:
    now = timezone.now()
    with campus_scope(checked.campus):
        consent_withdraw(student=checked.student, kind="face", now=now, actor=SYSTEM)
        assert not LivenessCheck.objects.exists()
        assert not LivenessFrame.objects.exists()
        images_purge(now=now)
        kept = CheckInAttempt.objects.get().selfie_id
        assert set(StoredImage.objects.values_list("pk", flat=True)) == {kept}
