"""Reading faces: samples, templates, verifications, and images as a person may see them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection
from django.db.models import Aggregate, Count, FloatField, Q, QuerySet

from apps.accounts.models import Student
from apps.audit.services import Actor, log_event
from apps.biometrics.images import watermarked
from apps.biometrics.models import (
    CampusThreshold,
    FaceModel,
    FaceSample,
    FaceTemplate,
    FaceVerification,
    StoredImage,
    TemplateKey,
)
from apps.biometrics.reasons import Undecided
from apps.biometrics.storage import read_image
from apps.common.rows import table_name
from apps.privacy.models import Consent
from apps.tenants.models import Campus
from apps.tenants.scope import current_campus_id

FAILURES_BEFORE_DELAY: Final = 5
FAILURES_BEFORE_OFF: Final = 50
DELAY: Final = timedelta(seconds=30)


def samples_of(*, student: Student) -> QuerySet[FaceSample]:
    """The student's samples, the newest first."""
    return FaceSample.objects.filter(student=student).order_by("-created_at", "-pk")


def open_image(image: StoredImage, *, reason: str, actor: Actor, now: datetime) -> bytes:
    """The one way in which a person may look at a photo: a JPEG with their name across it.

    Writes who looked, and why, into the audit log. Raises `OSError` when the storage does not
    answer and `crypto.SealBroken` for a changed object.
    """
    data = read_image(image)
    log_event(
        actor=actor,
        action="biometrics.image.opened",
        now=now,
        target=image,
        private={"reason": reason},
    )
    return watermarked(data, f"{actor.label} {now:%Y-%m-%d %H:%M} UTC")


def image_refused(image: StoredImage, *, actor: Actor, now: datetime) -> None:
    """Note that somebody wanted to look at a photo and may not."""
    log_event(actor=actor, action="biometrics.image.refused", now=now, target=image)


def key_generation() -> int:
    """Which generation of the entered campus's template key is in force, from 1."""
    generation = TemplateKey.objects.values_list("generation", flat=True).first()
    return generation or 1


def threshold_for(*, model: FaceModel) -> float:
    """The largest distance that counts as the same person here: the campus's, else the model's."""
    own = CampusThreshold.objects.filter(model=model).values_list("threshold", flat=True).first()
    return model.threshold if own is None else own


def own_templates(*, student_id: int, model: FaceModel, generation: int) -> QuerySet[FaceTemplate]:
    """The student's templates to compare with a vector of this model, of this key."""
    return FaceTemplate.objects.filter(
        student_id=student_id, model=model, key_generation=generation
    )


# By hand: it is asked twice for each face, and building the queries took a fifth of the whole
# (bench/settle.py). PostgreSQL's greatest() leaves NULLs out.
_STANDING: Final = f"""
    SELECT
        EXISTS (SELECT FROM {table_name(Campus)} WHERE id = %(campus)s AND face_enabled),
        EXISTS (SELECT FROM {table_name(Consent)} WHERE campus_id = %(campus)s
            AND student_id = %(student)s AND kind = '{Consent.Kind.FACE}'
            AND withdrawn_at IS NULL),
        began.enrolled IS NOT NULL, count(v.id), max(v.at)
    FROM (
        SELECT min(created_at) AS enrolled, greatest(min(created_at), (
            SELECT max(at) FROM {table_name(FaceVerification)}
            WHERE campus_id = %(campus)s AND student_id = %(student)s AND decision = 'matched'
        )) AS at
        FROM {table_name(FaceTemplate)} WHERE campus_id = %(campus)s AND student_id = %(student)s
    ) began
    LEFT JOIN {table_name(FaceVerification)} v
        ON v.campus_id = %(campus)s AND v.student_id = %(student)s
            AND (began.at IS NULL OR v.at > began.at) AND (
                v.decision = 'not_matched' OR v.decision = 'undecided' AND v.distance IS NOT NULL
            )
    GROUP BY began.enrolled
"""  # noqa: S608  (names of our models)


def _standing(student_id: int) -> tuple[bool, bool, bool, int, datetime | None]:
    """Faces on here; agreed; enrolled; failures in a row, and the last of them. One statement."""
    asked = {"campus": current_campus_id(), "student": student_id}
    with connection.cursor() as cursor:
        cursor.execute(_STANDING, asked)
        return cursor.fetchone()


def undecidable(*, student_id: int, now: datetime) -> str:
    """Why this student's photo may not be compared now (`Undecided`), or ""."""
    enabled, consented, enrolled, failures, last = _standing(student_id)
    if not enabled:
        return Undecided.FACE_DISABLED
    if not consented:
        return Undecided.NO_CONSENT
    if not enrolled:
        return Undecided.NO_TEMPLATES
    return "" if _may_try(failures, last, now) else Undecided.TOO_MANY_FAILURES


def verification_allowed(*, student_id: int, now: datetime) -> bool:
    """After 5 mismatches in a row 30 seconds must pass before each further one; after 50, none.

    NIST SP 800-63B-4, §3.2.3. A match ends the row, and so does enrolling from scratch. A photo too
    poor to tell counts like a mismatch where it was compared: nobody tries blurred faces for free.
    """
    return _may_try(*_standing(student_id)[3:], now)


def _may_try(failures: int, last: datetime | None, now: datetime) -> bool:
    if last is None or failures < FAILURES_BEFORE_DELAY:
        return True
    return failures < FAILURES_BEFORE_OFF and now - last >= DELAY


class Percentile(Aggregate):
    """`percentile_cont`, interpolated; `share` is 0..1."""

    template = "percentile_cont(%(share)s) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = FloatField()

    def __init__(self, expression: Any, *, share: float, **extra: Any) -> None:
        super().__init__(expression, share=float(share), **extra)


@dataclass(frozen=True, kw_only=True)
class VerificationMetrics:
    """Of the entered campus since a moment. Rates and latencies are None without any attempt."""

    attempts: int
    matched: int
    not_matched: int
    undecided: int
    accept_rate: float | None  # of those that were decided, 0..1
    latency_p50_ms: float | None
    latency_p95_ms: float | None


def verification_metrics(*, since: datetime) -> VerificationMetrics:
    """How verifications went and how long they took (OCC-21); one query."""
    decision = FaceVerification.Decision
    row = FaceVerification.objects.filter(at__gte=since).aggregate(
        attempts=Count("pk"),
        matched=Count("pk", filter=Q(decision=decision.MATCHED)),
        not_matched=Count("pk", filter=Q(decision=decision.NOT_MATCHED)),
        undecided=Count("pk", filter=Q(decision=decision.UNDECIDED)),
        latency_p50_ms=Percentile("latency_ms", share=0.5),
        latency_p95_ms=Percentile("latency_ms", share=0.95),
    )
    decided = row["matched"] + row["not_matched"]
    return VerificationMetrics(accept_rate=row["matched"] / decided if decided else None, **row)
