"""Where the policy asks for a face: what is missing or cannot be compared is not the easy way."""

from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.utils import timezone
from PIL import Image

from apps.attendance.models import AttendanceRecord, FaceUse, Policy, Status
from apps.audit.services import SYSTEM
from apps.biometrics.images import hopeless, read_photo
from apps.biometrics.models import FaceSample, FaceTemplate, FaceVerification
from apps.biometrics.quality import MISMATCH
from apps.biometrics.selectors import verification_allowed
from apps.biometrics.services.judging import template_store
from apps.checkin.models import CheckInAttempt, Outcome
from apps.checkin.services.codes import student_code_issue
from apps.checkin.services.settle import settle_with_face
from apps.checkin.services.waiting import waiting_decide
from apps.integrity.models import Finding, FindingKind
from apps.integrity.services.findings import findings_find
from apps.privacy.services import consent_withdraw
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.attendance.support import HEARD, HERE, open_session
from tests.biometrics.conftest import (  # noqa: F401
    astronaut,
    astronaut_jpeg,
    astronaut_path,
    demo_faces,
    engine,
    media,
    models_dir,
)
from tests.biometrics.support import enable_faces, enrol, give_consent, plain_jpeg, variant
from tests.factories import Cast
from tests.phone import Phone, code_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]
ASKING = (FaceUse.PREFERRED, FaceUse.REQUIRED)


@pytest.fixture
def enrolled(cast: Cast, engine: object, astronaut_jpeg: bytes) -> Cast:  # noqa: F811
    with campus_scope(cast.campus):
        enable_faces()
        assert enrol(cast.student, astronaut_jpeg, timezone.now()).status == "accepted"
    return cast


def under(cast: Cast, use: str) -> ClassSession:
    """A session opened under a policy that makes this of faces."""
    with campus_scope(cast.campus):
        Policy.objects.create(version=1, face=use, created_at=timezone.now())
    return open_session(cast)


@pytest.fixture
def session(enrolled: Cast) -> ClassSession:
    """Under the defaults: faces are preferred."""
    return open_session(enrolled)


@pytest.fixture
def same_face(astronaut_jpeg: bytes) -> bytes:  # noqa: F811
    return variant(astronaut_jpeg, brightness=1.2)


class Visit:
    """One scan of the student with as many photos as are sent."""

    def __init__(
        self, cast: Cast, session: ClassSession, student: Any = None, *, phone: Phone | None = None
    ) -> None:
        self.cast, self.session = cast, session
        self.phone = phone or Phone(cast, student or cast.student)
        self.ticket = self.phone.ticket(code_of(cast, session.pk, timezone.now()).token)

    def send(self, selfie: bytes | None = None) -> dict[str, Any]:
        """What the phone knows once a worker has looked."""
        answer = self.phone.check_in(self.ticket, selfie=selfie, location=HERE, beacons=HEARD)
        assert answer.status_code == 201, answer.content
        body: dict[str, Any] = answer.json()
        if body["outcome"] == "pending":
            with campus_scope(self.cast.campus):
                settle_with_face(attempt_id=body["id"], now=timezone.now())
            body = self.phone.client.get(f"/api/v1/check-in/attempts/{body['id']}").json()
        return body


def two_portraits(jpeg: bytes) -> bytes:
    """The same person twice, side by side."""
    one = Image.open(BytesIO(jpeg))
    both = Image.new("RGB", (2 * one.width, one.height))
    both.paste(one, (0, 0))
    both.paste(one, (one.width, 0))
    buffer = BytesIO()
    both.save(buffer, "JPEG")
    return read_photo(buffer.getvalue()).jpeg()


def record_of(cast: Cast, student: Any = None) -> str:
    with campus_scope(cast.campus):
        rows = AttendanceRecord.objects.filter(student=student or cast.student)
        return rows.values_list("status", flat=True).first() or ""


@pytest.mark.parametrize("use", ASKING)
def test_no_selfie_asks_for_one_and_waits(enrolled: Cast, use: str) -> None:
    body = Visit(enrolled, under(enrolled, use)).send()
    assert (body["outcome"], body["reason"]) == ("waiting", "no_photo")
    assert body["photo_tries_left"] == 2
    assert body["waits_until"] is not None
    assert record_of(enrolled) == ""


@pytest.mark.parametrize(
    ("colour", "side", "found"),
    [("white", 200, "no_face"), ("black", 640, "no_face"), ("white", 1, "face_too_small")],
)
def test_a_blank_or_tiny_picture_is_answered_at_once(
    enrolled: Cast, session: ClassSession, colour: str, side: int, found: str
) -> None:
    visit = Visit(enrolled, session)
    answer = visit.phone.check_in(
        visit.ticket, selfie=plain_jpeg(colour, side), location=HERE, beacons=HEARD
    ).json()
    assert (answer["outcome"], answer["reason"]) == ("waiting", "photo_unclear")
    assert answer["factors"]["face"]["reason"] == found
    assert answer["photo_tries_left"] == 2


def test_two_faces_and_nobody_wait_too(
    enrolled: Cast,
    session: ClassSession,
    astronaut_jpeg: bytes,  # noqa: F811
    jpeg: bytes,
) -> None:
    visit = Visit(enrolled, session)
    for left, picture, found in (
        (2, two_portraits(astronaut_jpeg), "several_faces"),
        (1, jpeg, "no_face"),
    ):
        body = visit.send(picture)
        assert (body["outcome"], body["reason"]) == ("waiting", "photo_unclear")
        assert body["factors"]["face"]["reason"] == found
        assert body["photo_tries_left"] == left
    assert record_of(enrolled) == ""


def test_another_photo_with_the_same_ticket_settles_it(
    enrolled: Cast, session: ClassSession, same_face: bytes
) -> None:
    visit = Visit(enrolled, session)
    visit.send()
    body = visit.send(same_face)
    assert (body["outcome"], body["photo_tries_left"]) == ("accepted", 0)
    assert record_of(enrolled) == Status.PRESENT


def test_a_ticket_takes_three_photos(
    enrolled: Cast, session: ClassSession, same_face: bytes
) -> None:
    visit = Visit(enrolled, session)
    assert [visit.send()["photo_tries_left"] for _try in range(3)] == [2, 1, 0]
    body = visit.send(same_face)
    assert (body["outcome"], body["reason"]) == ("refused", "photo_tries")
    again = Visit(enrolled, session, phone=visit.phone)
    if again.ticket == visit.ticket:  # the code still stands: it is the same scan
        assert again.send(same_face)["reason"] == "photo_tries"


def test_the_lecturer_accepts_it_and_it_counts_the_same(
    enrolled: Cast, session: ClassSession
) -> None:
    body = Visit(enrolled, session).send()
    with campus_scope(enrolled.campus):
        waiting_decide(
            session=session,
            attempt_ids=[body["id"]],
            accept=True,
            now=timezone.now(),
            actor=SYSTEM,
        )
    assert record_of(enrolled) == Status.PRESENT


@pytest.mark.parametrize("use", [FaceUse.OFF, FaceUse.BONUS])
def test_where_faces_are_not_asked_for_none_is_missing(enrolled: Cast, use: str) -> None:
    body = Visit(enrolled, under(enrolled, use)).send()
    assert body["outcome"] == "accepted"
    assert ("face" in body["factors"]) == (use == FaceUse.BONUS)


@pytest.mark.parametrize("use", FaceUse.values)
def test_who_never_agreed_checks_in_as_well_as_with_a_face(enrolled: Cast, use: str) -> None:
    """A way without a face always exists and scores the same (decision 0004)."""
    body = Visit(enrolled, under(enrolled, use), enrolled.classmate).send()
    assert (body["outcome"], body["score"]) == ("accepted", 1.0)
    assert "face" not in body["factors"]


@pytest.mark.parametrize("use", [FaceUse.PREFERRED, FaceUse.REQUIRED])
def test_who_agreed_and_enrolled_none_waits_only_where_it_is_required(
    enrolled: Cast, use: str
) -> None:
    with campus_scope(enrolled.campus):
        give_consent(enrolled.classmate, timezone.now())
    body = Visit(enrolled, under(enrolled, use), enrolled.classmate).send()
    required = use == FaceUse.REQUIRED
    assert body["outcome"] == ("waiting" if required else "accepted")
    assert body["reason"] == ("face_not_enrolled" if required else "")
    assert body["photo_tries_left"] == 0


def test_consent_that_ends_meanwhile_is_no_missing_face(
    enrolled: Cast, session: ClassSession, same_face: bytes
) -> None:
    visit = Visit(enrolled, session)
    body = visit.phone.check_in(visit.ticket, selfie=same_face, location=HERE, beacons=HEARD).json()
    with campus_scope(enrolled.campus):
        consent_withdraw(student=enrolled.student, kind="face", now=timezone.now(), actor=SYSTEM)
        settle_with_face(attempt_id=body["id"], now=timezone.now())
        attempt = CheckInAttempt.objects.get()
    assert (attempt.outcome, float(attempt.score)) == (Outcome.ACCEPTED, 1.0)
    assert "face" not in attempt.factors


@pytest.mark.parametrize("use", [FaceUse.PREFERRED, FaceUse.REQUIRED])
def test_a_code_told_to_the_student_is_the_way_without_a_camera(enrolled: Cast, use: str) -> None:
    session = under(enrolled, use)
    with campus_scope(enrolled.campus):
        code, _until, _student = student_code_issue(
            session=session, student_id=enrolled.student.pk, now=timezone.now(), actor=SYSTEM
        )
    phone = Phone(enrolled, enrolled.student)
    ticket = phone.redeem(session=session.pk, one_time_code=code).json()["ticket"]
    body = phone.check_in(ticket, location=HERE, beacons=HEARD).json()
    assert body["outcome"] == ("accepted" if use == FaceUse.PREFERRED else "waiting")


@pytest.mark.parametrize(
    ("use", "decisive", "outcome", "reason"),
    [
        (FaceUse.BONUS, ["device"], "accepted", ""),
        *((use, ["device"], "waiting", "photo_unclear") for use in ASKING),
        *((use, ["device", "face"], "refused", "face_mismatch") for use in ASKING),
    ],
)
def test_somebody_elses_face_is_worth_no_more_than_none(
    enrolled: Cast, jpeg: bytes, use: str, decisive: list[str], outcome: str, reason: str
) -> None:
    now = timezone.now()
    with campus_scope(enrolled.campus):
        Policy.objects.create(version=1, face=use, decisive=decisive, created_at=now)
    visit = Visit(enrolled, open_session(enrolled))
    body = visit.phone.check_in(visit.ticket, selfie=jpeg, location=HERE, beacons=HEARD).json()
    with campus_scope(enrolled.campus):
        FaceVerification.objects.create(
            student=enrolled.student,
            reference=body["id"],
            at=now,
            decision=FaceVerification.Decision.NOT_MATCHED,
            latency_ms=1,
        )
        settle_with_face(attempt_id=body["id"], now=now)
        attempt = CheckInAttempt.objects.get()
    assert (attempt.outcome, attempt.reason) == (outcome, reason)


@pytest.mark.parametrize(("decisive", "first"), [(["device"], "waiting"), (["face"], "refused")])
def test_removing_the_enrolled_face_does_not_undo_a_mismatch(
    enrolled: Cast, jpeg: bytes, decisive: list[str], first: str
) -> None:
    """Else anyone who sends a friend with the phone would remove the photos and check in again."""
    now = timezone.now()
    with campus_scope(enrolled.campus):
        Policy.objects.create(version=1, decisive=decisive, created_at=now)
    session = open_session(enrolled)
    visit = Visit(enrolled, session)
    body = visit.phone.check_in(visit.ticket, selfie=jpeg, location=HERE, beacons=HEARD).json()
    with campus_scope(enrolled.campus):
        FaceVerification.objects.create(
            student=enrolled.student,
            reference=body["id"],
            at=now,
            decision=FaceVerification.Decision.NOT_MATCHED,
            latency_ms=1,
        )
        settle_with_face(attempt_id=body["id"], now=now)
        assert CheckInAttempt.objects.get().outcome == first
        sample = FaceSample.objects.get().pk
    gone = visit.phone.client.delete(f"/api/v1/me/face-samples/{sample}")
    assert gone.status_code == 204, gone.content
    body = Visit(enrolled, session, phone=visit.phone).send()
    assert (body["outcome"], body["reason"]) == ("waiting", "face_not_enrolled")


# --- Photos that were there before -----------------------------------------------------------


def test_the_enrolled_photo_itself_is_refused_and_flagged(
    enrolled: Cast,
    session: ClassSession,
    astronaut_path: Path,  # noqa: F811
) -> None:
    body = Visit(enrolled, session).send(astronaut_path.read_bytes())
    assert (body["outcome"], body["reason"]) == ("refused", "enrolled_photo")
    assert body["photo_tries_left"] == 2
    assert record_of(enrolled) == ""
    with campus_scope(enrolled.campus):
        findings_find(session=session, now=timezone.now())
        finding = Finding.objects.get(student=enrolled.student)
    assert (finding.kind, finding.score) == (FindingKind.COPIED_PHOTO, 1)


def test_anothers_photo_is_refused_and_flagged(
    enrolled: Cast, session: ClassSession, same_face: bytes, jpeg: bytes
) -> None:
    """Also the enrolled photo of somebody else, and one whose picture is long deleted."""
    Visit(enrolled, session).send(same_face)
    with campus_scope(enrolled.campus):
        CheckInAttempt.objects.update(selfie=None)
        give_consent(enrolled.classmate, timezone.now())
        sample = enrol(enrolled.classmate, jpeg, timezone.now())
        template_like(enrolled.classmate, sample)
    body = Visit(enrolled, session, enrolled.classmate).send(same_face)
    assert (body["outcome"], body["reason"]) == ("refused", "others_photo")
    with campus_scope(enrolled.campus):
        findings_find(session=session, now=timezone.now())
        kinds = Finding.objects.filter(student=enrolled.classmate).values_list("kind", flat=True)
        assert FindingKind.COPIED_PHOTO in kinds


def template_like(student: Any, sample: Any) -> None:
    """Give the student a template although the sample shows no face."""
    other = FaceTemplate.objects.exclude(student=student).get()
    vector = np.full(other.model.dimension, other.model.dimension**-0.5, dtype=np.float32)
    template_store(
        sample=sample,
        vector=vector,
        model=other.model,
        generation=other.key_generation,
        now=timezone.now(),
    )


def test_the_own_photo_of_before_is_refused_without_a_flag(
    enrolled: Cast, session: ClassSession, same_face: bytes, jpeg: bytes
) -> None:
    visit = Visit(enrolled, session)
    visit.send(jpeg)
    body = visit.send(jpeg)
    assert (body["outcome"], body["reason"]) == ("refused", "photo_used")
    assert visit.send(same_face)["outcome"] == "accepted"
    with campus_scope(enrolled.campus):
        findings_find(session=session, now=timezone.now())
        assert not Finding.objects.exists()


def test_a_photo_that_comes_twice_at_once_is_found_when_it_is_settled(
    enrolled: Cast, session: ClassSession, same_face: bytes
) -> None:
    """Both requests saw nothing of the other one."""
    visit = Visit(enrolled, session)
    body = visit.phone.check_in(visit.ticket, selfie=same_face, location=HERE).json()
    with campus_scope(enrolled.campus):
        first = CheckInAttempt.objects.get()
        copy = CheckInAttempt.objects.get()
        copy.pk, copy.nonce, copy.student = None, "somebody-else", enrolled.classmate
        copy.received_at = first.received_at - timedelta(milliseconds=3)
        copy.scan = copy.device = None
        copy.save(force_insert=True)
        settle_with_face(attempt_id=body["id"], now=timezone.now())
        first.refresh_from_db()
    assert (first.outcome, first.reason) == ("refused", "others_photo")


# --- Poor photos -----------------------------------------------------------------------------


def test_a_poor_photo_that_does_not_match_is_no_mismatch_but_a_failure_in_a_row(
    enrolled: Cast,
    session: ClassSession,
    same_face: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("apps.biometrics.services.verification.threshold_for", lambda **_: 0.0001)
    monkeypatch.setattr(
        "apps.biometrics.worker.MISMATCH",
        replace(MISMATCH, min_sharpness=9.0),
    )
    body = Visit(enrolled, session).send(same_face)
    assert (body["outcome"], body["reason"]) == ("waiting", "photo_unclear")
    assert body["factors"]["face"]["reason"] == "too_blurred"
    with campus_scope(enrolled.campus):
        kept = FaceVerification.objects.get()
        assert kept.distance is not None
        for number in range(4):
            kept.pk, kept.reference = None, f"again-{number}"
            kept.save(force_insert=True)
        assert not verification_allowed(student_id=enrolled.student.pk, now=kept.at)


@pytest.mark.parametrize("grey", [0, 20, 128, 255])
def test_what_is_all_of_one_colour_needs_no_worker(grey: int) -> None:
    buffer = BytesIO()
    Image.new("L", (300, 400), grey).save(buffer, "PNG")
    assert hopeless(read_photo(buffer.getvalue())) == "no_face"


def test_a_portrait_in_the_dark_is_looked_at(astronaut_jpeg: bytes) -> None:  # noqa: F811
    assert hopeless(read_photo(variant(astronaut_jpeg, brightness=0.15))) == ""
