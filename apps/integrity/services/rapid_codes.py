"""Rapid-code challenges as evidence: asked for by lecturers, and turned into findings when over."""

from datetime import datetime
from typing import Final

from django.db import transaction

from apps.attendance.selectors.register import board_key
from apps.audit.services import Actor
from apps.checkin.models import BURST_CODES, BurstChallenge
from apps.checkin.rapid_codes import BurstResult
from apps.checkin.services.rapid_codes import burst_outcome, burst_show, over_at
from apps.common.cache import touch
from apps.integrity.detectors import Found
from apps.integrity.models import Sign, SignKind
from apps.integrity.services.findings import BURST_KINDS, signs_put
from apps.sessions.models import ClassSession
from apps.tenants.tasks import enqueue

SETTLE_TASK: Final = "apps.integrity.tasks.settle_burst"


@transaction.atomic
def burst_start(*, session: ClassSession, now: datetime, actor: Actor) -> BurstChallenge:
    """Show five one-second codes, and have the outcome looked at when the last one is over."""
    burst = burst_show(session=session, now=now, actor=actor)
    enqueue(SETTLE_TASK, burst.pk)
    return burst


@transaction.atomic
def burst_settle(*, burst: BurstChallenge, now: datetime) -> list[BurstResult]:
    """Turn a burst that is over into signs, once; a void one into none."""
    over = now >= over_at(burst)
    claimed = over and BurstChallenge.objects.filter(pk=burst.pk, settled_at__isnull=True).update(
        settled_at=now
    )
    results, void = burst_outcome(burst=burst)
    if not claimed:
        return results
    if void:
        BurstChallenge.objects.filter(pk=burst.pk).update(is_void=True)
        return results
    students = [result.student_id for result in results]
    Sign.objects.filter(
        session_id=burst.session_id,
        student_id__in=students,
        kind__in=BURST_KINDS,
        dismissed_at__isnull=True,
    ).delete()  # of an earlier burst: the latest says how things are
    signs_put(session=burst.session, found=[_found(result) for result in results], now=now)
    touch(board_key(burst.session_id))
    return results


def _found(result: BurstResult) -> Found:
    kind = SignKind.BURST_PASSED if result.passed else SignKind.BURST_FAILED
    return Found(
        student_id=result.student_id,
        kind=kind,
        detail={"redeemed": result.redeemed, "codes": BURST_CODES},
    )
