"""1:1 by the worker: matched, not matched, or undecided with a reason; once per reference."""

import threading
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone
from PIL import Image

from apps.audit.models import Entry
from apps.audit.services import SYSTEM
from apps.biometrics.engines import Engine
from apps.biometrics.images import read_photo
from apps.biometrics.models import CampusThreshold, FaceModel, FaceTemplate, FaceVerification
from apps.biometrics.selectors import (
    verification_allowed,
    verification_metrics,
)
from apps.biometrics.services import image_store, sample_remove, verify_student
from apps.privacy.models import Consent
from apps.privacy.services import consent_withdraw
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from tests.biometrics.support import (
    enrol,
    give_consent,
    make_model,
    make_template,
    plain_jpeg,
    unit,
    variant,
)
from tests.biometrics.test_quality import with_bar
from tests.factories import Cast, make_cast

pytestmark = pytest.mark.usefixtures("media")

Decision = FaceVerification.Decision


def verify(cast: Cast, jpeg: bytes, now: datetime, *, reference: str = "r1") -> FaceVerification:
    image = image_store(data=jpeg, now=now, kept_for=timedelta(days=30))
    return verify_student(
        student_id=cast.student.pk, image_id=image.pk, reference=reference, now=now
    )


@pytest.fixture
def selfie(astronaut_jpeg: bytes) -> bytes:
    """The enrolled face in another light."""
    return variant(astronaut_jpeg, brightness=1.25)


@pytest.fixture
def enrolled(in_campus: Cast, engine: object, astronaut_jpeg: bytes, now: datetime) -> Cast:
    assert enrol(in_campus.student, astronaut_jpeg, now).status == "accepted"
    return in_campus


class TestOutcomes:
    def test_the_students_own_face_matches_and_is_explained(
        self, enrolled: Cast, selfie: bytes, now: datetime
    ) -> None:
        outcome = verify(enrolled, selfie, now)
        assert (outcome.decision, outcome.reason) == (Decision.MATCHED, "")
        assert outcome.distance is not None
        assert outcome.threshold is not None
        assert 0 < outcome.distance < 0.3 < outcome.threshold
        assert outcome.model is not None
        assert outcome.model.is_default
        assert outcome.latency_ms is not None
        assert outcome.latency_ms > 0
        assert Entry.objects.filter(action="biometrics.verification.matched").exists()

    def test_another_persons_face_does_not(
        self, enrolled: Cast, people: list[list[bytes]], now: datetime
    ) -> None:
        for number, person in enumerate(people):
            outcome = verify(enrolled, person[0], now, reference=f"r{number}")
            assert outcome.decision == Decision.NOT_MATCHED

    def test_several_photos_of_real_people(
        self, in_campus: Cast, people: list[list[bytes]], now: datetime
    ) -> None:
        mine, theirs, _third = people
        for photo in mine[:3]:
            enrol(in_campus.student, photo, now)
        assert verify(in_campus, mine[3], now).decision == Decision.MATCHED
        for number, photo in enumerate(theirs):
            outcome = verify(in_campus, photo, now, reference=f"theirs {number}")
            assert outcome.decision == Decision.NOT_MATCHED

    def test_the_mean_of_several_templates_has_a_limit_of_its_own(
        self, enrolled: Cast, selfie: bytes, now: datetime
    ) -> None:
        one = verify(enrolled, selfie, now)
        second = enrol(enrolled.student, variant(selfie, brightness=0.9), now)
        assert second.status == "accepted"
        two = verify(enrolled, selfie, now, reference="r2")
        assert one.threshold == pytest.approx(0.575)
        assert two.threshold == pytest.approx(0.6)
        for brightness, reference in ((1.1, "r3"), (1.3, "r4")):
            enrol(enrolled.student, variant(selfie, brightness=brightness), now)
            more = verify(enrolled, selfie, now, reference=reference)
            assert more.threshold == pytest.approx(0.608)
        CampusThreshold.objects.create(model=one.model, threshold=0.5)
        assert verify(enrolled, selfie, now, reference="r5").threshold == pytest.approx(0.533)

    @pytest.mark.faces
    def test_another_person_behind_a_mask_is_no_accusation(
        self, enrolled: Cast, people: list[list[bytes]], engine: Engine, now: datetime
    ) -> None:
        image = read_photo(people[0][0]).pixels()
        covered = with_bar(image, engine.detect(image)[0], over="eyes")
        buffer = BytesIO()
        Image.fromarray(covered).save(buffer, "JPEG", quality=90)
        outcome = verify(enrolled, read_photo(buffer.getvalue()).jpeg(), now)
        assert (outcome.decision, outcome.reason) == (Decision.UNDECIDED, "covered")

    def test_the_same_reference_gets_the_first_outcome(
        self, enrolled: Cast, selfie: bytes, now: datetime
    ) -> None:
        first = verify(enrolled, selfie, now)
        again = verify(enrolled, plain_jpeg(), now + timedelta(minutes=1))
        assert again == first
        assert FaceVerification.objects.count() == 1

    def test_a_photo_without_a_face_is_undecided(self, enrolled: Cast, now: datetime) -> None:
        outcome = verify(enrolled, plain_jpeg(), now)
        assert (outcome.decision, outcome.reason) == (Decision.UNDECIDED, "no_face")
        assert outcome.distance is None

    def test_without_templates_it_is_undecided(
        self, in_campus: Cast, selfie: bytes, now: datetime
    ) -> None:
        give_consent(in_campus.student, now)
        assert verify(in_campus, selfie, now).reason == "no_templates"

    def test_after_withdrawal_it_is_undecided(
        self, enrolled: Cast, selfie: bytes, now: datetime
    ) -> None:
        consent_withdraw(student=enrolled.student, kind="face", now=now, actor=SYSTEM)
        assert verify(enrolled, selfie, now).reason == "no_consent"

    def test_templates_without_a_consent_are_not_compared(
        self, enrolled: Cast, selfie: bytes, now: datetime
    ) -> None:
        Consent.objects.update(withdrawn_at=now)
        assert FaceTemplate.objects.exists()
        assert verify(enrolled, selfie, now).reason == "no_consent"

    def test_a_campus_that_switched_faces_off_compares_none(
        self, enrolled: Cast, selfie: bytes, now: datetime
    ) -> None:
        Campus.objects.update(face_enabled=False)
        assert verify(enrolled, selfie, now).reason == "face_disabled"

    def test_a_photo_that_is_no_longer_kept_is_undecided(
        self, enrolled: Cast, now: datetime
    ) -> None:
        image = image_store(data=plain_jpeg(), now=now, kept_for=None)
        image.delete()
        outcome = verify_student(
            student_id=enrolled.student.pk, image_id=image.pk, reference="r", now=now
        )
        assert outcome.reason == "no_image"

    def test_a_changed_photo_is_undecided(
        self, enrolled: Cast, selfie: bytes, now: datetime, media: Path
    ) -> None:
        image = image_store(data=selfie, now=now, kept_for=None)
        (media / image.key).write_bytes(b"x" * 200)
        assert verify(enrolled, selfie, now).reason == "image_damaged"

    def test_a_storage_that_is_away_decides_nothing(
        self, enrolled: Cast, selfie: bytes, now: datetime, media: Path
    ) -> None:
        image = image_store(data=selfie, now=now, kept_for=None)
        hidden = media.rename(media.with_name("aside"))
        arguments = {"student_id": enrolled.student.pk, "image_id": image.pk, "now": now}
        with pytest.raises(OSError, match="No such file"):
            verify_student(reference="r", **arguments)  # type: ignore[arg-type]
        assert not FaceVerification.objects.exists()
        hidden.rename(media)
        again = verify_student(reference="r", **arguments)  # type: ignore[arg-type]
        assert again.decision == Decision.MATCHED

    def test_a_changed_template_is_refused_and_audited(
        self, enrolled: Cast, selfie: bytes, now: datetime
    ) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE biometrics_facetemplate SET vector = "
                "(SELECT array_agg(CASE WHEN i = 1 THEN -v ELSE v END ORDER BY i)::vector "
                "FROM unnest(vector::real[]) WITH ORDINALITY AS u(v, i))"
            )
        outcome = verify(enrolled, selfie, now)
        assert (outcome.decision, outcome.reason) == (Decision.UNDECIDED, "template_damaged")
        entry = Entry.objects.get(action="biometrics.template.damaged")
        assert entry.target_id == str(FaceTemplate.objects.get().pk)

    def test_templates_of_another_model_are_not_compared(
        self, in_campus: Cast, engine: object, selfie: bytes, now: datetime
    ) -> None:
        make_template(in_campus.student, unit(1, 2, 3), model=make_model(now=now), now=now)
        assert verify(in_campus, selfie, now).reason == "no_templates"

    def test_the_campuss_threshold_decides_just_over_and_just_under(
        self, enrolled: Cast, selfie: bytes, now: datetime
    ) -> None:
        distance = verify(enrolled, selfie, now).distance
        assert distance is not None
        own = CampusThreshold.objects.create(
            model=FaceModel.objects.get(is_default=True), threshold=distance - 1e-4
        )
        assert verify(enrolled, selfie, now, reference="r2").decision == Decision.NOT_MATCHED
        CampusThreshold.objects.filter(pk=own.pk).update(threshold=distance + 1e-4)
        outcome = verify(enrolled, selfie, now, reference="r3")
        assert outcome.decision == Decision.MATCHED
        assert outcome.threshold == pytest.approx(distance + 1e-4)

    def test_a_selfie_never_reaches_another_campuss_templates(
        self, enrolled: Cast, other_cast: Cast, selfie: bytes, now: datetime
    ) -> None:
        with campus_scope(other_cast.campus):
            give_consent(other_cast.student, now)
            assert verify(other_cast, selfie, now).reason == "no_templates"


def failed(cast: Cast, at: datetime, *, count: int = 1, decision: str = "not_matched") -> None:
    first = FaceVerification.objects.count()
    for number in range(count):
        FaceVerification.objects.create(
            student=cast.student,
            reference=f"past {first + number}",
            decision=decision,
            at=at,
            latency_ms=10,
        )


class TestFailuresInARow:
    def test_after_five_thirty_seconds_must_pass(self, in_campus: Cast, now: datetime) -> None:
        student_id = in_campus.student.pk
        failed(in_campus, now, count=4)
        assert verification_allowed(student_id=student_id, now=now)
        failed(in_campus, now)
        assert not verification_allowed(student_id=student_id, now=now + timedelta(seconds=29))
        assert verification_allowed(student_id=student_id, now=now + timedelta(seconds=30))

    def test_after_fifty_it_is_off(self, in_campus: Cast, now: datetime) -> None:
        failed(in_campus, now, count=50)
        later = now + timedelta(days=100)
        assert not verification_allowed(student_id=in_campus.student.pk, now=later)
        assert verification_allowed(student_id=in_campus.classmate.pk, now=later)

    def test_a_match_ends_the_row_and_undecided_ones_do_not_count(
        self, in_campus: Cast, now: datetime
    ) -> None:
        failed(in_campus, now, count=4)
        failed(in_campus, now + timedelta(seconds=1), decision="undecided", count=9)
        assert verification_allowed(student_id=in_campus.student.pk, now=now)
        failed(in_campus, now + timedelta(seconds=2), decision="matched")
        failed(in_campus, now + timedelta(seconds=3), count=4)
        assert verification_allowed(student_id=in_campus.student.pk, now=now + timedelta(seconds=3))

    def test_verifying_is_refused_meanwhile_and_not_counted(
        self, enrolled: Cast, selfie: bytes, now: datetime
    ) -> None:
        at = now + timedelta(minutes=1)
        failed(enrolled, at, count=5)
        outcome = verify(enrolled, selfie, at)
        assert (outcome.decision, outcome.reason) == (Decision.UNDECIDED, "too_many_failures")
        later = verify(enrolled, selfie, at + timedelta(seconds=30), reference="later")
        assert later.decision == Decision.MATCHED

    def test_enrolling_from_scratch_opens_it_again(
        self, enrolled: Cast, astronaut_jpeg: bytes, selfie: bytes, now: datetime
    ) -> None:
        failed(enrolled, now + timedelta(minutes=1), count=50)
        at = now + timedelta(hours=1)
        assert verify(enrolled, selfie, at).reason == "too_many_failures"
        for sample in enrolled.student.face_samples.all():
            sample_remove(sample=sample, actor=SYSTEM, now=at)
        enrol(enrolled.student, astronaut_jpeg, at)
        assert verify(enrolled, selfie, at, reference="r2").decision == Decision.MATCHED


class TestHistory:
    def test_every_verification_is_kept_per_student(self, in_campus: Cast, now: datetime) -> None:
        failed(in_campus, now, count=3)
        assert FaceVerification.objects.filter(student=in_campus.student).count() == 3
        assert not FaceVerification.objects.filter(student=in_campus.classmate).exists()

    def test_metrics_count_decisions_and_latency(self, in_campus: Cast, now: datetime) -> None:
        for number, decision in enumerate(["matched"] * 3 + ["not_matched", "undecided"]):
            FaceVerification.objects.create(
                student=in_campus.student,
                reference=f"m{number}",
                decision=decision,
                at=now,
                latency_ms=10 * (number + 1),
            )
        failed(in_campus, now - timedelta(days=60))
        metrics = verification_metrics(since=now - timedelta(days=1))
        assert (metrics.attempts, metrics.matched, metrics.not_matched) == (5, 3, 1)
        assert metrics.undecided == 1
        assert metrics.accept_rate == 0.75
        assert metrics.latency_p50_ms == 30
        assert metrics.latency_p95_ms == pytest.approx(48)

    def test_metrics_of_nothing(self, in_campus: Cast, now: datetime) -> None:
        metrics = verification_metrics(since=now)
        assert (metrics.attempts, metrics.accept_rate, metrics.latency_p95_ms) == (0, None, None)


@pytest.mark.django_db(transaction=True)
def test_one_reference_compared_by_two_workers_at_once_is_counted_once(
    engine: object, astronaut_path: Path
) -> None:
    jpeg = read_photo(astronaut_path.read_bytes()).jpeg()
    now = timezone.now()
    cast = make_cast("north")
    with campus_scope(cast.campus):
        enrol(cast.student, jpeg, now)
        image = image_store(data=variant(jpeg, brightness=1.2), now=now, kept_for=None)
    start, outcomes = threading.Barrier(3), []

    def work() -> None:
        start.wait(timeout=10)
        try:
            with campus_scope(cast.campus):
                outcomes.append(
                    verify_student(
                        student_id=cast.student.pk, image_id=image.pk, reference="one", now=now
                    ).pk
                )
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _number in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=30)
    assert len(outcomes) == 3
    assert len(set(outcomes)) == 1
