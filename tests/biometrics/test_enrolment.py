"""Enrolling: consent first, a photo kept, judged by the worker, erased when the consent ends."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from apps.audit.models import Entry
from apps.audit.services import SYSTEM
from apps.biometrics.models import FaceSample, FaceTemplate, StoredImage
from apps.biometrics.quality import QualityReason
from apps.biometrics.reasons import SampleReason
from apps.biometrics.services import images_purge, sample_add, sample_judge, sample_remove
from apps.biometrics.services.enrolment import MAX_SAMPLES, refused_samples_drop
from apps.biometrics.tasks import REQUEUE_BATCH, judge_sample, requeue_samples
from apps.common.cache import ask_server
from apps.common.errors import Refused
from apps.privacy.services import consent_withdraw
from apps.tenants.models import Campus
from tests.biometrics.support import enrol, give_consent, plain_jpeg, variant
from tests.factories import Cast, make_student

pytestmark = pytest.mark.usefixtures("media")

Capture = Callable[..., Any]
Queue = Callable[[], Any]
"""Puts one more message into the queue of faces."""


def add(cast: Cast, jpeg: bytes, now: datetime) -> FaceSample:
    return sample_add(student=cast.student, data=jpeg, actor=SYSTEM, now=now)


class TestAdding:
    def test_a_photo_is_pending_and_a_worker_is_asked(
        self,
        in_campus: Cast,
        astronaut_jpeg: bytes,
        now: datetime,
        django_capture_on_commit_callbacks: Capture,
    ) -> None:
        give_consent(in_campus.student, now)
        with django_capture_on_commit_callbacks() as callbacks:
            sample = add(in_campus, astronaut_jpeg, now)
        assert (sample.status, sample.reason) == ("pending", "")
        asked = [callback.args for callback in callbacks]
        assert (judge_sample.name, (sample.pk,)) in [(args[0], args[1]) for args in asked]
        assert sample.image.delete_after is None
        assert sample.image.key.startswith("samples/2026/09/14/")

    def test_without_consent_nothing_is_kept(
        self, in_campus: Cast, now: datetime, media: Path
    ) -> None:
        Campus.objects.update(face_enabled=True)
        with pytest.raises(Refused) as refused:
            add(in_campus, plain_jpeg(), now)
        assert (refused.value.code, refused.value.status) == ("consent_required", 403)
        assert list(media.iterdir()) == []

    def test_a_campus_without_faces_takes_none(self, in_campus: Cast, now: datetime) -> None:
        give_consent(in_campus.student, now)
        Campus.objects.update(face_enabled=False)
        with pytest.raises(Refused) as refused:
            add(in_campus, plain_jpeg(), now)
        assert refused.value.code == "face_disabled"

    def test_the_same_photo_again_is_the_same_sample(self, in_campus: Cast, now: datetime) -> None:
        give_consent(in_campus.student, now)
        first = add(in_campus, plain_jpeg(), now)
        assert add(in_campus, plain_jpeg(), now + timedelta(days=1)) == first
        assert FaceSample.objects.count() == 1

    def test_ten_live_samples_are_enough_and_refused_ones_do_not_count(
        self, in_campus: Cast, now: datetime
    ) -> None:
        give_consent(in_campus.student, now)
        for number in range(MAX_SAMPLES):
            add(in_campus, plain_jpeg(f"rgb({number}, 0, 0)", side=60 + number), now)
        with pytest.raises(Refused) as refused:
            add(in_campus, plain_jpeg("blue"), now)
        assert refused.value.code == "too_many_samples"
        first = FaceSample.objects.earliest("pk")
        FaceSample.objects.filter(pk=first.pk).update(status=FaceSample.Status.REFUSED)
        assert add(in_campus, plain_jpeg("blue"), now).status == "pending"


@pytest.mark.usefixtures("engine")
class TestJudging:
    def test_a_good_photo_becomes_a_template(
        self, in_campus: Cast, astronaut_jpeg: bytes, now: datetime
    ) -> None:
        sample = enrol(in_campus.student, astronaut_jpeg, now)
        assert (sample.status, sample.reason, sample.judged_at) == ("accepted", "", now)
        assert sample.quality["faces"] == 1
        template = FaceTemplate.objects.get()
        assert (template.student_id, template.sample_id) == (in_campus.student.pk, sample.pk)
        assert len(template.vector) == template.model.dimension

    def test_a_photo_without_a_face_is_refused_with_its_reason(
        self, in_campus: Cast, now: datetime
    ) -> None:
        sample = enrol(in_campus.student, plain_jpeg(), now)
        assert (sample.status, sample.reason) == ("refused", "no_face")
        assert not FaceTemplate.objects.exists()
        entry = Entry.objects.get(action="biometrics.sample.refused")
        assert entry.data == {"reason": "no_face"}

    def test_a_dark_photo_is_refused(
        self, in_campus: Cast, astronaut_jpeg: bytes, now: datetime
    ) -> None:
        sample = enrol(in_campus.student, variant(astronaut_jpeg, brightness=0.15), now)
        assert (sample.status, sample.reason) == ("refused", "too_dark")

    def test_judging_twice_changes_nothing(
        self, in_campus: Cast, astronaut_jpeg: bytes, now: datetime
    ) -> None:
        sample = enrol(in_campus.student, astronaut_jpeg, now)
        assert sample_judge(sample_id=sample.pk, now=now) is None
        assert FaceTemplate.objects.count() == 1

    def test_a_sample_removed_before_its_turn_is_skipped(
        self, in_campus: Cast, now: datetime
    ) -> None:
        give_consent(in_campus.student, now)
        sample = add(in_campus, plain_jpeg(), now)
        sample_id = sample.pk
        sample_remove(sample=sample, actor=SYSTEM, now=now)
        assert sample_judge(sample_id=sample_id, now=now) is None

    def test_a_changed_object_is_refused(
        self, in_campus: Cast, astronaut_jpeg: bytes, now: datetime, media: Path
    ) -> None:
        give_consent(in_campus.student, now)
        sample = add(in_campus, astronaut_jpeg, now)
        (media / sample.image.key).write_bytes(b"x" * 100)
        judged = sample_judge(sample_id=sample.pk, now=now)
        assert judged is not None
        assert (judged.status, judged.reason) == ("refused", "image_damaged")

    def test_a_storage_that_is_away_leaves_it_pending_for_a_retry(
        self, in_campus: Cast, astronaut_jpeg: bytes, now: datetime, media: Path
    ) -> None:
        give_consent(in_campus.student, now)
        sample = add(in_campus, astronaut_jpeg, now)
        hidden = media.rename(media.with_name("aside"))
        with pytest.raises(OSError, match="No such file"):
            sample_judge(sample_id=sample.pk, now=now)
        sample.refresh_from_db()
        assert sample.status == "pending"
        hidden.rename(media)
        judged = sample_judge(sample_id=sample.pk, now=now)
        assert judged is not None
        assert judged.status == "accepted"

    def test_another_students_face_is_refused_without_saying_whose(
        self, in_campus: Cast, astronaut_jpeg: bytes, now: datetime
    ) -> None:
        enrol(in_campus.student, astronaut_jpeg, now)
        double = enrol(in_campus.classmate, variant(astronaut_jpeg, brightness=1.2), now)
        assert (double.status, double.reason) == ("refused", "looks_like_another_person")
        entry = Entry.objects.filter(action="biometrics.sample.refused").get()
        assert entry.data == {"reason": "looks_like_another_person"}
        assert entry.target_id == str(double.pk)

    def test_people_are_enrolled_with_all_their_photos_and_strangers_photos_refused(
        self, in_campus: Cast, people: list[list[bytes]], now: datetime
    ) -> None:
        mine, theirs, _third = people
        samples = [enrol(in_campus.student, photo, now) for photo in mine]
        assert {sample.status for sample in samples} == {"accepted"}
        assert FaceTemplate.objects.filter(student=in_campus.student).count() == len(mine)
        assert enrol(in_campus.classmate, theirs[0], now).status == "accepted"
        strange = enrol(in_campus.student, theirs[1], now)
        assert (strange.status, strange.reason) == ("refused", "looks_like_another_person")

    def test_a_face_unlike_the_students_own_is_refused(
        self, in_campus: Cast, people: list[list[bytes]], now: datetime
    ) -> None:
        enrol(in_campus.student, people[0][0], now)
        sample = enrol(in_campus.student, people[1][0], now)
        assert (sample.status, sample.reason) == ("refused", "unlike_other_samples")

    def test_every_quality_reason_has_a_text_for_people(self) -> None:
        assert {reason.value for reason in QualityReason} <= set(SampleReason.values)


@pytest.mark.usefixtures("engine")
class TestErasing:
    def test_removing_a_sample_removes_its_template_and_photo(
        self, in_campus: Cast, astronaut_jpeg: bytes, now: datetime, media: Path
    ) -> None:
        sample = enrol(in_campus.student, astronaut_jpeg, now)
        path = media / sample.image.key
        assert FaceTemplate.objects.exists()
        sample_remove(sample=sample, actor=SYSTEM, now=now)
        assert not FaceTemplate.objects.exists()
        assert images_purge(now=now) == 1
        assert not path.exists()

    def test_withdrawing_consent_erases_everything_that_rested_on_it(
        self, in_campus: Cast, astronaut_jpeg: bytes, now: datetime, media: Path
    ) -> None:
        student = in_campus.student
        enrol(student, astronaut_jpeg, now)
        enrol(in_campus.classmate, plain_jpeg(), now)
        removed = consent_withdraw(student=student, kind="face", now=now, actor=SYSTEM)
        assert removed == 3  # a template, a sample, a photo
        assert not FaceTemplate.objects.exists()
        assert not FaceSample.objects.filter(student=student).exists()
        images_purge(now=now)
        left = StoredImage.objects.get()
        assert list(media.rglob("*.bin")) == [media / left.key]
        assert left.samples.get().student == in_campus.classmate

    def test_refused_photos_are_deleted_after_a_week(self, in_campus: Cast, now: datetime) -> None:
        enrol(in_campus.student, plain_jpeg(), now)
        assert refused_samples_drop(now=now + timedelta(days=6)) == 0
        assert refused_samples_drop(now=now + timedelta(days=7)) == 1
        assert images_purge(now=now + timedelta(days=7)) == 1
        assert not StoredImage.objects.exists()


class TestSweep:
    """A sample is on its way for ten minutes while the queue has messages, else for 40 seconds."""

    @pytest.fixture
    def lost(self, in_campus: Cast, now: datetime) -> FaceSample:
        give_consent(in_campus.student, now)
        add(in_campus, plain_jpeg("blue"), timezone.now())  # young
        return add(in_campus, plain_jpeg("red"), timezone.now() - timedelta(minutes=1))

    @pytest.fixture
    def queue(self) -> Iterator[Queue]:
        ask_server(lambda client: client.delete("faces"), otherwise=None)
        yield partial(ask_server, lambda client: client.lpush("faces", "{}"), otherwise=None)
        ask_server(lambda client: client.delete("faces"), otherwise=None)

    def test_a_lost_sample_is_asked_for_once(self, lost: FaceSample, queue: Queue) -> None:
        assert requeue_samples() == 1
        assert requeue_samples() == 0
        lost.refresh_from_db()
        assert lost.queued_at is not None

    def test_while_others_wait_before_it_it_is_not_lost(
        self, lost: FaceSample, queue: Queue
    ) -> None:
        queue()
        assert requeue_samples() == 0

    def test_after_its_lease_it_is_asked_for_again_even_so(
        self, lost: FaceSample, queue: Queue
    ) -> None:
        queue()
        long_ago = timezone.now() - timedelta(minutes=11)
        FaceSample.objects.filter(pk=lost.pk).update(created_at=long_ago, queued_at=None)
        assert requeue_samples() == 1
        assert requeue_samples() == 0
        FaceSample.objects.filter(pk=lost.pk).update(queued_at=long_ago)
        assert requeue_samples() == 1

    def test_an_emptied_queue_has_lost_what_was_in_it(self, lost: FaceSample, queue: Queue) -> None:
        assert requeue_samples() == 1
        a_minute_ago = timezone.now() - timedelta(minutes=1)
        FaceSample.objects.filter(pk=lost.pk).update(queued_at=a_minute_ago)
        assert requeue_samples() == 1

    def test_a_full_queue_gets_each_sample_once(
        self, in_campus: Cast, now: datetime, queue: Queue
    ) -> None:
        give_consent(in_campus.student, now)
        image = add(in_campus, plain_jpeg(), now).image
        consent = FaceSample.objects.get().consent
        long_ago = timezone.now() - timedelta(minutes=30)
        FaceSample.objects.update(created_at=long_ago)
        students = [make_student(f"S{number}") for number in range(REQUEUE_BATCH + 9)]
        FaceSample.objects.bulk_create(
            FaceSample(student=student, consent=consent, image=image, created_at=long_ago)
            for student in students
        )
        queue()
        asked = [requeue_samples() for _sweep in range(5)]
        assert asked == [REQUEUE_BATCH, 10, 0, 0, 0]
