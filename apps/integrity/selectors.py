"""Reading what detectors look at, and what they found."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.db.models import Count, QuerySet
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from apps.accounts.models import Device, Student
from apps.checkin.models import CheckInAttempt, Method, Outcome, Reason
from apps.common.errors import NotFound
from apps.integrity.detectors import Arrival, BoundKey, Seen, flagged
from apps.integrity.models import Finding
from apps.qr_otp.tokens import QR_PERIOD
from apps.sessions.models import ClassSession, SessionCourse
from apps.sessions.selectors import meeting

SESSIONS_BACK: Final = 40  # of the course, for pairs that always arrive together
TOGETHER: Final = timedelta(minutes=5)  # between two uses of a passkey
TRUE: Final = frozenset({"1", "true", "yes"})


# --- What detectors look at ------------------------------------------------------------------


def seen_in(*, session_id: int) -> list[Seen]:
    """The attempts of a session as the detectors see them. One statement, and one more where
    somebody else's passkey signed."""
    rows = _attempts(CheckInAttempt.objects.filter(session_id=session_id))
    owners = _passkey_owners(rows)
    return [_seen(row, owners) for row in rows]


def passkey_uses(*, session_id: int, seen: Iterable[Seen]) -> list[Seen]:
    """What the passkeys of these check-ins signed in other sessions within the same minutes. One
    statement; none where no passkey was used."""
    used = [(one.passkey, one.at) for one in seen if one.passkey is not None and one.at is not None]
    if not used:
        return []
    times = [at for _passkey, at in used]
    rows = CheckInAttempt.objects.exclude(session_id=session_id).filter(
        student_id__in={one.student_id for one in seen if one.passkey is not None},
        received_at__range=(min(times) - TOGETHER, max(times) + TOGETHER),
        passkey_id__in={passkey for passkey, _at in used},
    )
    return [_seen(row, {}) for row in _attempts(rows)]


def _attempts(attempts: QuerySet[CheckInAttempt]) -> list[dict[str, Any]]:
    rows = attempts.values(
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
        "received_at",
        "address",
        "device__kind",
        "device__bound_at",
        "passkey_id",
        "passkey_synced",
    )
    return [dict(row) for row in rows.order_by("received_at")]


def _passkey_owners(rows: Iterable[Mapping[str, Any]]) -> dict[int, int]:
    """Whose passkeys signed check-ins that were refused for it, as students. One statement; none
    where there are none."""
    foreign = {row["passkey_id"] for row in rows if _is_foreign(row)}
    if not foreign:
        return {}
    found = Student.objects.filter(user__authenticator__in=foreign)
    pairs = found.values_list("user__authenticator", "pk")
    return {passkey: pk for passkey, pk in pairs if passkey in foreign}


def _is_foreign(row: Mapping[str, Any]) -> bool:
    return row["passkey_id"] is not None and row["reason"] == Reason.BAD_SIGNATURE


def _seen(row: Mapping[str, Any], owners: Mapping[int, int]) -> Seen:
    place = row["factors"].get("location") or {}
    outside = place.get("passed") is False
    mock = str(row["device_info"].get("mock_location", "")).lower()
    in_browser = row["device__kind"] == Device.Kind.WEB
    signer = owners.get(row["passkey_id"], row["student_id"])
    foreign = signer != row["student_id"]
    proof = _passkey_facts(row["factors"])
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
        signed_by=signer if foreign else row["signed_by__student_id"],
        at=row["received_at"],
        address=row["address"] or "",
        agent=row["device_info"].get("agent", ""),
        screen=row["device_info"].get("screen", ""),
        browser_bound_at=row["device__bound_at"] if in_browser else None,
        by_card=row["method"] == Method.CARD,
        passkey=None if foreign else row["passkey_id"],
        copyable=row["passkey_synced"] or bool(proof.get("counter_went_back")),
    )


def _passkey_facts(factors: Mapping[str, Any]) -> dict[str, Any]:
    """What the factors say of a passkey: the device's, where it was the proof of it."""
    return {
        **(factors.get("person") or {}).get("detail", {}),
        **(factors.get("device") or {}).get("detail", {}),
    }


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
        .annotate(arrived_at=Coalesce("seen_at", "redeemed_at"))
        .order_by("session_id", "student_id", "arrived_at")
        .distinct("session_id", "student_id")
        .values_list("session_id", "student_id", "arrived_at", "address")
    )
    return [
        Arrival(session_id=session_id, student_id=student_id, at=at, address=address)
        for session_id, student_id, at, address in rows
        if at is not None and address is not None
    ]


def keys_in(*, session_id: int) -> list[BoundKey]:
    """The keys of a session's students, today's and earlier ones, of those who have had several.
    Two statements; one where nobody has."""
    attendees = CheckInAttempt.objects.filter(session_id=session_id).values("student_id")
    several = (
        Device.objects.filter(student_id__in=attendees)
        .values("student_id")
        .annotate(keys=Count("pk"))
        .filter(keys__gt=1)
        .values("student_id")
    )
    devices = list(
        Device.objects.filter(student_id__in=several).values(
            "pk", "student_id", "bound_at", "is_active"
        )
    )
    if not devices:
        return []
    used = (
        CheckInAttempt.objects.filter(device_id__in=[device["pk"] for device in devices])
        .exclude(outcome=Outcome.REFUSED)
        .order_by()
        .values("device_id")
        .annotate(sessions=Count("session_id", distinct=True))
    )
    sessions = {row["device_id"]: row["sessions"] for row in used}
    return [
        BoundKey(
            student_id=device["student_id"],
            bound_at=device["bound_at"],
            released=not device["is_active"],
            sessions=sessions.get(device["pk"], 0),
        )
        for device in devices
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
