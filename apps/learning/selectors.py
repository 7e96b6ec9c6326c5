"""What learning asks of the database."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import F, FloatField
from django.db.models.functions import Cast

from apps.biometrics.models import FaceSample, FaceVerification
from apps.checkin.models import CheckInAttempt
from apps.checkin.models.attempt import FaceState, Outcome
from apps.learning.models import LearnedSample, LearningSetting
from apps.liveness.models import LivenessCheck
from apps.sessions.models import ClassSession

STRONG_SHARE: Final = 0.77
"""Of the threshold: where none of 318,400 pairs of strangers and 86 % of the pairs of one person
lie (`biometrics.services.judging.DUPLICATE_SHARE`)."""
LOOKED_BACK: Final = timedelta(hours=26)  # a run each night, and one that was late


def learning_is_on() -> bool:
    return LearningSetting.objects.filter(is_on=True).exists()


def strong_check_ins(*, now: datetime) -> list[tuple[UUID, float]]:
    """Accepted check-ins of sessions that were closed lately, whose face matched well and was seen
    live, and against which no factor speaks; with the distance, the nearest first. None where the
    entered campus does not learn."""
    if not learning_is_on():
        return []
    closed = ClassSession.objects.filter(
        status=ClassSession.Status.COMPLETED, closed_at__gte=now - LOOKED_BACK, closed_at__lte=now
    )
    found: list[tuple[float, UUID]] = []
    for session_id in closed.values_list("pk", flat=True).order_by("pk"):
        attempts = CheckInAttempt.objects.filter(
            session_id=session_id,
            outcome=Outcome.ACCEPTED,
            face_state=FaceState.SETTLED,
            selfie__isnull=False,
            offline=False,
            decided_by="",
        )
        rows = {str(attempt.pk): attempt for attempt in attempts if speaks_for(attempt)}
        distances = _strong(list(rows), live=_live(list(rows)))
        found += [(distance, rows[reference].pk) for reference, distance in distances.items()]
    return [(attempt_id, distance) for distance, attempt_id in sorted(found)]


def speaks_for(attempt: CheckInAttempt) -> bool:
    """The phone and the face are proven, and nothing that was asked for failed."""
    results = {name: factor["passed"] for name, factor in attempt.factors.items()}
    return bool(results.get("device") and results.get("face")) and False not in results.values()


def _live(references: list[str]) -> set[str]:
    seen = LivenessCheck.objects.filter(
        reference__in=references, decision=LivenessCheck.Decision.PASSED
    )
    return set(seen.values_list("reference", flat=True))


def _strong(references: list[str], *, live: set[str]) -> dict[str, float]:
    matched = FaceVerification.objects.filter(
        reference__in=[reference for reference in references if reference in live],
        decision=FaceVerification.Decision.MATCHED,
        distance__lte=Cast(F("threshold") * STRONG_SHARE, FloatField()),
    )
    return {row.reference: row.distance for row in matched if row.distance is not None}


def live_samples(*, student_id: int) -> int:
    samples = FaceSample.objects.filter(student_id=student_id)
    return samples.exclude(status=FaceSample.Status.REFUSED).count()


def was_learned(*, check_in: UUID) -> bool:
    return LearnedSample.objects.filter(check_in=check_in).exists()
