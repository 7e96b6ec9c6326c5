"""Rapid-code challenges as evidence: asked for by lecturers, and turned into findings when over."""

from datetime import datetime
from typing import Final

from django.db import transaction

from apps.attendance.selectors.register import board_key
from apps.audit.services import Actor
from apps.checkin.models import CHALLENGE_CODES, RapidCodeChallenge
from apps.checkin.rapid_codes import ChallengeResult
from apps.checkin.services.rapid_codes import challenge_outcome, challenge_show, over_at
from apps.common.cache import touch
from apps.integrity.detectors import DetectedFinding
from apps.integrity.models import Finding, FindingKind
from apps.integrity.services.findings import CHALLENGE_KINDS, findings_save
from apps.sessions.models import ClassSession
from apps.tenants.tasks import enqueue

SETTLE_TASK: Final = "apps.integrity.tasks.settle_challenge"


@transaction.atomic
def challenge_start(*, session: ClassSession, now: datetime, actor: Actor) -> RapidCodeChallenge:
    """Show five one-second codes, and have the outcome looked at when the last one is over."""
    challenge = challenge_show(session=session, now=now, actor=actor)
    enqueue(SETTLE_TASK, challenge.pk)
    return challenge


@transaction.atomic
def challenge_settle(*, challenge: RapidCodeChallenge, now: datetime) -> list[ChallengeResult]:
    """Turn a challenge that is over into findings, once; a void one into none."""
    over = now >= over_at(challenge)
    claimed = over and RapidCodeChallenge.objects.filter(
        pk=challenge.pk, settled_at__isnull=True
    ).update(settled_at=now)
    results, void = challenge_outcome(challenge=challenge)
    if not claimed:
        return results
    if void:
        RapidCodeChallenge.objects.filter(pk=challenge.pk).update(is_void=True)
        return results
    students = [result.student_id for result in results]
    Finding.objects.filter(
        session_id=challenge.session_id,
        student_id__in=students,
        kind__in=CHALLENGE_KINDS,
        dismissed_at__isnull=True,
    ).delete()  # of an earlier challenge: the latest says how things are
    findings_save(session=challenge.session, found=[_found(result) for result in results], now=now)
    touch(board_key(challenge.session_id))
    return results


def _found(result: ChallengeResult) -> DetectedFinding:
    kind = FindingKind.RAPID_CODE_PASSED if result.passed else FindingKind.RAPID_CODE_FAILED
    return DetectedFinding(
        student_id=result.student_id,
        kind=kind,
        detail={"redeemed": result.redeemed, "codes": CHALLENGE_CODES},
    )
