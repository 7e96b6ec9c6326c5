"""Strong, live check-ins become templates; everything else does not, and what did is taken back."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from django.db import transaction
from django.utils import timezone

from apps.attendance.services.register import register_close
from apps.audit.models import Entry
from apps.audit.services import SYSTEM
from apps.biometrics.models import FaceSample, FaceTemplate, FaceVerification, StoredImage
from apps.biometrics.services import image_store, sample_judge
from apps.checkin.models import CheckInAttempt, Outcome
from apps.checkin.services.settle import settle_with_face
from apps.learning.models import LearnedSample, LearningSetting
from apps.learning.selectors import strong_check_ins
from apps.learning.services import check_in_learn, learned_take_back
from apps.learning.services.samples import MOST
from apps.learning.tasks import learn_faces
from apps.liveness.models import LivenessCheck
from apps.privacy.models import Consent
from apps.privacy.selectors import wording_of
from apps.privacy.services import consent_withdraw
from apps.tenants.scope import campus_scope
from tests.admin.support import client_of, url
from tests.attendance.support import HEARD, HERE, open_session
from tests.biometrics.support import enrol, plain_jpeg, variant
from tests.factories import Cast
from tests.phone import Phone, code_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]


@pytest.fixture
def attempt(cast: Cast, engine: object, astronaut_jpeg: bytes) -> CheckInAttempt:
    """Enrolled three days ago, checked in with another photo, seen live, the session is over."""
    now = timezone.now()
    with campus_scope(cast.campus):
        LearningSetting.objects.create(is_on=True)
        sample = enrol(cast.student, astronaut_jpeg, now)
        FaceSample.objects.filter(pk=sample.pk).update(created_at=now - timedelta(days=3))
    session = open_session(cast)
    phone = Phone(cast, cast.student)
    ticket = phone.ticket(code_of(cast, session.pk, now).token)
    selfie = variant(astronaut_jpeg, brightness=1.2)
    answer = phone.check_in(ticket, selfie=selfie, location=HERE, beacons=HEARD)
    assert answer.status_code == 201, answer.content
    with campus_scope(cast.campus):
        attempt = CheckInAttempt.objects.get()
        settle_with_face(attempt_id=attempt.pk, now=now)
        LivenessCheck.objects.create(
            student=cast.student,
            reference=str(attempt.pk),
            turns="left,up",
            told_at=now,
            sent_at=now,
            judged_at=now,
            decision="passed",
        )
        session.refresh_from_db()
        register_close(session=session, now=now, actor=SYSTEM)
        attempt.refresh_from_db()
    return attempt


def learn(*, now: datetime) -> int:
    """As the task does, in one transaction."""
    strong = strong_check_ins(now=now)
    return sum(check_in_learn(attempt_id=key, distance=far, now=now) for key, far in strong)


def later(hours: float = 1) -> datetime:
    return timezone.now() + timedelta(hours=hours)


def test_a_strong_live_check_in_becomes_a_template(cast: Cast, attempt: CheckInAttempt) -> None:
    with campus_scope(cast.campus):
        assert learn(now=later()) == 1
        learned = LearnedSample.objects.select_related("sample").get()
        assert (learned.student, learned.check_in) == (cast.student, attempt.pk)
        sample = sample_judge(sample_id=learned.sample_id, now=later())
        assert sample is not None
        assert (sample.status, sample.reason) == ("accepted", "")
        assert FaceTemplate.objects.filter(student=cast.student).count() == 2
        assert Entry.objects.filter(action="learning.sample.added").count() == 1
        assert learn(now=later()) == 0
        assert learn(now=later(25)) == 0  # not the same check-in again

        learned_take_back(learned=learned, actor=SYSTEM, now=later())
        assert LearnedSample.objects.get().sample is None
        assert FaceTemplate.objects.filter(student=cast.student).count() == 1
        assert CheckInAttempt.objects.get().selfie_id == attempt.selfie_id
        assert learn(now=later()) == 0  # somebody decided that


def switched_off(_attempt: CheckInAttempt) -> None:
    LearningSetting.objects.update(is_on=False)


def not_agreed(attempt: CheckInAttempt) -> None:
    held = Consent.objects.filter(student_id=attempt.student_id)
    held.update(version=wording_of(kind="face").version.replace("+l1", ""))


def not_seen_live(_attempt: CheckInAttempt) -> None:
    LivenessCheck.objects.update(decision="undecided")


def just_a_match(_attempt: CheckInAttempt) -> None:
    FaceVerification.objects.update(distance=0.5, threshold=0.575)


def elsewhere(attempt: CheckInAttempt) -> None:
    attempt.factors["location"]["passed"] = False
    attempt.save()


def without_the_phone(attempt: CheckInAttempt) -> None:
    attempt.factors["device"]["passed"] = None
    attempt.save()


def decided_by_a_person(attempt: CheckInAttempt) -> None:
    CheckInAttempt.objects.update(decided_by="Dr. No")


def refused(attempt: CheckInAttempt) -> None:
    CheckInAttempt.objects.update(outcome=Outcome.REFUSED, reason="score_too_low")


def sent_later(attempt: CheckInAttempt) -> None:
    CheckInAttempt.objects.update(offline=True)


def enrolled_today(_attempt: CheckInAttempt) -> None:
    FaceSample.objects.update(created_at=timezone.now() - timedelta(hours=20))


def nothing_enrolled(_attempt: CheckInAttempt) -> None:
    FaceSample.objects.update(status="refused")


def photo_gone(attempt: CheckInAttempt) -> None:
    CheckInAttempt.objects.update(selfie=None)


SPOILED: tuple[Callable[[CheckInAttempt], None], ...] = (
    switched_off,
    not_agreed,
    not_seen_live,
    just_a_match,
    elsewhere,
    without_the_phone,
    decided_by_a_person,
    refused,
    sent_later,
    enrolled_today,
    nothing_enrolled,
    photo_gone,
)


def test_nothing_is_learned_of_less(cast: Cast, attempt: CheckInAttempt) -> None:
    learned = []
    for spoil in SPOILED:
        with campus_scope(cast.campus), transaction.atomic():
            spoil(CheckInAttempt.objects.get(pk=attempt.pk))
            if learn(now=later()) or LearnedSample.objects.exists():
                learned.append(spoil.__name__)
            transaction.set_rollback(True)
    assert learned == []


def test_of_six_the_enrolled_stay_and_an_old_learned_one_goes(
    cast: Cast, attempt: CheckInAttempt
) -> None:
    now = timezone.now()
    with campus_scope(cast.campus):
        enrolled = FaceSample.objects.get()
        for number in range(MOST - 1):
            FaceSample.objects.create(
                student=cast.student,
                consent=enrolled.consent,
                image=stored(number, now),
                status="accepted",
                created_at=now - timedelta(days=40 + number),
            )
        assert learn(now=later()) == 0

        samples = list(FaceSample.objects.exclude(pk=enrolled.pk).order_by("pk"))
        for sample, distance, days in zip(samples[:3], (0.1, 0.3, 0.2), (90, 60, 20), strict=True):
            LearnedSample.objects.create(
                student=cast.student,
                sample=sample,
                check_in=uuid4(),
                distance=distance,
                learned_at=now - timedelta(days=days),
            )
        assert learn(now=later()) == 1
        left = set(FaceSample.objects.values_list("pk", flat=True))
        assert {sample.pk for sample in samples} - left == {samples[1].pk}  # old, and the farthest
        assert len(left) == MOST


def stored(number: int, now: datetime) -> StoredImage:
    return image_store(data=plain_jpeg(f"#{40 * number:02x}0000"), now=now, kept_for=None)


def test_the_administration_takes_back_and_withdrawal_takes_all(
    cast: Cast, attempt: CheckInAttempt
) -> None:
    with campus_scope(cast.campus):
        learn(now=later())
        learned = LearnedSample.objects.get()
    form = {"action": "take_back", "_selected_action": [learned.pk]}
    client_of(cast, cast.principal).post(url(LearnedSample, "changelist"), form)
    with campus_scope(cast.campus):
        assert LearnedSample.objects.get().sample is not None
    client_of(cast, cast.admin).post(url(LearnedSample, "changelist"), form)
    with campus_scope(cast.campus):
        assert LearnedSample.objects.get().sample is None
        assert not FaceSample.objects.filter(pk=learned.sample_id).exists()
        taken = Entry.objects.get(action="learning.sample.taken_back")
        assert taken.actor_id == f"user:{cast.admin.pk}"

        LearnedSample.objects.all().delete()
        learn(now=later())
        consent_withdraw(student=cast.student, kind="face", now=later(), actor=SYSTEM)
        assert LearnedSample.objects.get().sample is None
        assert not FaceSample.objects.exists()


def test_the_consent_names_it_where_it_is_on(cast: Cast) -> None:
    with campus_scope(cast.campus):
        assert "+l1" not in wording_of(kind="face").version
        LearningSetting.objects.create(is_on=True)
        wording = wording_of(kind="face")
    assert wording.version.endswith("+l1")
    assert "at most six in all" in str(wording.text)


def test_every_night_each_check_in_is_learned_from_apart(
    cast: Cast, attempt: CheckInAttempt
) -> None:
    assert learn_faces() == 1
    with campus_scope(cast.campus):
        assert LearnedSample.objects.get().check_in == attempt.pk
    assert learn_faces() == 0
