"""Check-ins that become templates, at most six a student and one a day, and taking them back."""

from datetime import datetime, timedelta
from typing import Final

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
from apps.learning.selectors import (
    learning_is_on,
    live_samples,
    strong_check_ins,
    was_learned,
)
from apps.learning.wording import LEARNING
from apps.privacy.selectors import agreed_besides

MOST: Final = 6  # samples of a student, with those of the enrolment
APART: Final = timedelta(hours=24)  # between any two samples of a student

Status = FaceSample.Status


def check_ins_learn(*, now: datetime) -> int:
    """Learn from the entered campus's check-ins of the last day; returns how many samples.

    A worker judges each sample as it judges one of an enrolment: it has to be good enough, like
    the student's others and unlike everybody else. Run twice, it learns nothing twice.
    """
    if not learning_is_on():
        return 0
    learned, seen = 0, set()
    for attempt, distance in strong_check_ins(now=now):
        if attempt.student_id not in seen and _learn(attempt, distance, now=now):
            seen.add(attempt.student_id)
            learned += 1
    return learned


def _learn(attempt: CheckInAttempt, distance: float, *, now: datetime) -> bool:
    """The photo as a sample, unless something is in the way: asked cheaply before it is read."""
    if not _may_learn(attempt, now=now):
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


@transaction.atomic
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
