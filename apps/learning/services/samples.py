"""Check-ins that become templates, at most six a student and one a day, and taking them back."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction

from apps.accounts.models import Student
from apps.audit.services import SYSTEM, Actor, log_event
from apps.biometrics.models import FaceSample
from apps.biometrics.services.enrolment import sample_add, sample_remove
from apps.biometrics.storage import read_image
from apps.checkin.models import CheckInAttempt
from apps.common.crypto import SealBroken
from apps.common.errors import Refused
from apps.learning.models import LearnedSample
from apps.learning.selectors import live_samples, was_learned
from apps.learning.wording import LEARNING
from apps.privacy.selectors import agreed_besides

MOST: Final = 6  # samples of a student, with those of the enrolment
APART: Final = timedelta(hours=24)  # between any two samples of a student; a night may be missed

Status = FaceSample.Status


@transaction.atomic
def check_in_learn(*, attempt_id: UUID, distance: float, now: datetime) -> bool:
    """The photo of a strong check-in as a sample, unless something is in the way.

    A worker judges it as it judges one of an enrolment: it has to be good enough, like the
    student's others and unlike everybody else. Of one check-in nothing is learned twice.
    """
    attempt = CheckInAttempt.objects.select_related("selfie").get(pk=attempt_id)
    if not _may_learn(attempt, now=now):  # asked before the photo is read
        return False
    data = _photo(attempt)
    return data is not None and _add(attempt, data, distance, now=now)


def _may_learn(attempt: CheckInAttempt, *, now: datetime) -> bool:
    samples = FaceSample.objects.filter(student_id=attempt.student_id)
    return (
        not was_learned(check_in=attempt.pk)
        and samples.filter(status=Status.ACCEPTED).exists()
        and not samples.filter(created_at__gt=now - APART).exists()
        and agreed_besides(LEARNING, student_id=attempt.student_id)
    )


def _photo(attempt: CheckInAttempt) -> bytes | None:
    if attempt.selfie is None:
        return None
    try:
        return read_image(attempt.selfie)
    except (OSError, SealBroken):
        return None  # another check-in will do


def _add(attempt: CheckInAttempt, data: bytes, distance: float, *, now: datetime) -> bool:
    student = Student.objects.select_for_update(no_key=True).get(pk=attempt.student_id)
    if not _may_learn(attempt, now=now):
        return False
    if live_samples(student_id=student.pk) >= MOST and not _make_room(student, now=now):
        return False
    try:
        sample = sample_add(student=student, data=data, actor=SYSTEM, now=now)
    except Refused:  # the consent ended, or faces were switched off
        return False
    learned = LearnedSample.objects.create(
        student=student, sample=sample, check_in=attempt.pk, distance=distance, learned_at=now
    )
    facts = {"student": student.pk, "attempt": str(attempt.pk)}
    log_event(actor=SYSTEM, action="learning.sample.added", now=now, target=learned, data=facts)
    return True


def _make_room(student: Student, *, now: datetime) -> bool:
    """Remove a learned sample, never one of the enrolment; False where there is none.

    The oldest goes, or one that was farther from the templates than it, if it is as old as a month.
    """
    known = list(
        LearnedSample.objects.filter(student=student, sample__isnull=False).order_by(
            "learned_at", "pk"
        )
    )
    if not known:
        return False
    month = now - timedelta(days=30)
    old = [learned for learned in known if learned.learned_at <= month] or known[:1]
    learned_take_back(learned=max(old, key=lambda learned: learned.distance), actor=SYSTEM, now=now)
    return True


@transaction.atomic
def learned_take_back(*, learned: LearnedSample, actor: Actor, now: datetime) -> None:
    """Remove what was learned: the sample, its template and, if nothing needs it, its photo.

    Taking it back twice changes nothing.
    """
    if learned.sample is None:
        return
    facts = {"student": learned.student_id, "attempt": str(learned.check_in)}
    log_event(actor=actor, action="learning.sample.taken_back", now=now, data=facts)
    sample_remove(sample=learned.sample, actor=actor, now=now)
