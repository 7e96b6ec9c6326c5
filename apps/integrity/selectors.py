"""Reading what detectors look at, and what they found."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext as _

from apps.accounts.models import Student
from apps.checkin.models import CheckInAttempt, Outcome
from apps.common.errors import NotFound
from apps.integrity.detectors import Arrival, Seen, flagged
from apps.integrity.models import Finding
from apps.qr_otp.tokens import QR_PERIOD
from apps.sessions.models import ClassSession, SessionCourse
from apps.sessions.selectors import meeting

SESSIONS_BACK: Final = 40  # of the course, for pairs that always arrive together
TRUE: Final = frozenset({"1", "true", "yes"})


# --- What detectors look at ------------------------------------------------------------------


def seen_in(*, session_id: int) -> list[Seen]:
    """The attempts of a session as the detectors see them. One statement."""
    rows = CheckInAttempt.objects.filter(session_id=session_id).values(
        "student_id",
        "outcome",
        "reason",
        "method",
        "redeem_delay_ms",
        "latitude",
        "longitude",
        "accuracy_m",
        "factors",
        "device_info",
        "offline",
        "offline_window",
        "claimed_at",
        "signed_by__student_id",
    )
    return [_seen(row) for row in rows.order_by("received_at")]


def _seen(row: Mapping[str, Any]) -> Seen:
    place = row["factors"].get("location") or {}
    outside = place.get("passed") is False
    mock = str(row["device_info"].get("mock_location", "")).lower()
    drift = None
    if row["offline_window"] is not None and row["claimed_at"] is not None:
        drift = row["claimed_at"].timestamp() - row["offline_window"] * QR_PERIOD
    return Seen(
        student_id=row["student_id"],
        accepted=row["outcome"] in (Outcome.ACCEPTED, Outcome.WAITING),
        stands=row["outcome"] != Outcome.REFUSED,
        offline=row["offline"],
        reason=row["reason"],
        delay_ms=row["redeem_delay_ms"] if row["method"] == "qr" else None,
        latitude=row["latitude"],
        longitude=row["longitude"],
        accuracy_m=float(row["accuracy_m"]) if row["accuracy_m"] is not None else None,
        far=place.get("detail", {}).get("distance", "") if outside else "",
        mocked=mock in TRUE,
        drift_s=drift,
        signed_by=row["signed_by__student_id"],
    )


def arrivals_of(*, session: ClassSession) -> list[Arrival]:
    """Accepted check-ins, not offline, of its courses' last 40 sessions up to this one: the first
    of each student in each session. Two statements."""
    courses = SessionCourse.objects.filter(session=session).values("course")
    sessions = list(
        ClassSession.objects.filter(meeting(course__in=courses), starts_at__lte=session.starts_at)
        .order_by("-starts_at")
        .values_list("pk", flat=True)[:SESSIONS_BACK]
    )
    rows = (
        CheckInAttempt.objects.filter(
            session_id__in=sessions,
            outcome=Outcome.ACCEPTED,
            offline=False,
        )
        .order_by("session_id", "student_id", "redeemed_at")
        .distinct("session_id", "student_id")
        .values_list("session_id", "student_id", "redeemed_at", "address")
    )
    return [
        Arrival(session_id=session_id, student_id=student_id, at=at, address=address)
        for session_id, student_id, at, address in rows
        if at is not None and address is not None
    ]


# --- What was found --------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class StudentFindings:
    """One student of a session with what was noticed; `flagged` when it adds up to a flag."""

    student: Student
    findings: list[Finding]
    flagged: bool


def findings_in(*, session_id: int) -> list[StudentFindings]:
    """Students of a session with findings, flagged ones first. One statement."""
    rows = Finding.objects.filter(session_id=session_id).select_related("student")
    by_student: dict[int, list[Finding]] = defaultdict(list)
    for finding in rows.order_by("student__code", "kind"):
        by_student[finding.student_id].append(finding)
    found = [
        StudentFindings(student=findings[0].student, findings=findings, flagged=stands(findings))
        for findings in by_student.values()
    ]
    return sorted(found, key=lambda one: not one.flagged)


def undismissed_findings(*, session_id: int) -> dict[int, list[Finding]]:
    """The findings of a session that nobody dismissed, by student. One statement."""
    by_student: dict[int, list[Finding]] = defaultdict(list)
    for finding in Finding.objects.filter(session_id=session_id, dismissed_at=None).order_by(
        "kind"
    ):
        by_student[finding.student_id].append(finding)
    return by_student


def stands(findings: Iterable[Finding]) -> bool:
    """Whether the findings that nobody dismissed add up to a flag."""
    return flagged(finding.kind for finding in findings if finding.dismissed_at is None)


def finding_of(*, session: ClassSession, finding_id: int) -> Finding:
    """A finding of this session; anything else is `NotFound`."""
    finding = (
        Finding.objects.filter(session=session, pk=finding_id).select_related("student").first()
    )
    if finding is None:
        raise NotFound("finding_not_found", _("There is no such finding in this session."))
    return finding
