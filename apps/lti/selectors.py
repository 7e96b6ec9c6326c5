"""Which key signs, which platform asks, what is linked, and what attendance is worth there."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from django.db.models import QuerySet

from apps.accounts.models import Student
from apps.attendance.models import AttendanceSummary
from apps.enrollments.models import Course, Enrollment
from apps.lti.models import LtiKey, LtiLink, LtiPerson, LtiPlatform, LtiScore

CENT: Final = Decimal("0.01")
FULL: Final = Decimal(100)


def signing_key(*, now: datetime) -> tuple[LtiKey, bytes] | None:
    """The newest key that platforms have had time to read, and its private half.

    Raises `SealBroken`.
    """
    key = LtiKey.shown(now=now).filter(signs_from__lte=now).order_by("-signs_from", "id").first()
    return None if key is None else (key, key.opened())


def platform_asked(*, issuer: str, client_id: str) -> LtiPlatform | None:
    """The platform that a login names; without a client id only where there is one such issuer."""
    named: dict[str, Any] = {"client_id": client_id} if client_id else {}
    found = list(LtiPlatform.objects.filter(issuer=issuer, is_active=True, **named)[:2])
    return found[0] if len(found) == 1 else None


def link_of(*, platform_id: Any, context_id: str) -> LtiLink | None:
    rows = LtiLink.objects.filter(platform=platform_id, context_id=context_id)
    return rows.select_related("course__subject", "platform").first() if context_id else None


def column_name(link: LtiLink) -> str:
    """What our grade column is found by there, whoever made it (`resourceId`)."""
    return f"campus-attendance-{link.pk.hex}"


def maximum_of(link: LtiLink) -> Decimal:
    points = link.scores in (LtiLink.Scores.POINTS, LtiLink.Scores.THRESHOLD)
    return (link.points if points else FULL).quantize(CENT)


def course_named(code: str) -> Course | None:
    """The one active course with this code, in whatever case it is written."""
    found = list(Course.objects.filter(code__iexact=code, is_active=True)[:2]) if code else []
    return found[0] if len(found) == 1 else None


def is_enrolled(*, student: Student, course_id: int) -> bool:
    rows = Enrollment.objects.filter(student=student, course=course_id)
    return rows.filter(status=Enrollment.Status.ENROLLED).exists()


def person_on(*, platform_id: Any, subject: str) -> LtiPerson | None:
    rows = LtiPerson.objects.filter(platform=platform_id, subject=subject)
    return rows.select_related("student").first()


def has_due_links(*, now: datetime) -> bool:
    return _due(now).exists()


def due_link_ids(*, now: datetime) -> list[Any]:
    return list(_due(now).order_by("next_run_at", "id").values_list("pk", flat=True))


def _due(now: datetime) -> QuerySet[LtiLink]:
    wanted = LtiLink.objects.exclude(scores=LtiLink.Scores.NONE)
    return wanted.filter(platform__is_active=True, next_run_at__lte=now)


# --- Scores ------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class WantedScore:
    """What the platform should know of one student; `score` None: nothing counts yet."""

    student_id: int
    subject: str
    score: Decimal | None
    maximum: Decimal
    comment: str

    @property
    def mark(self) -> str:
        """As `LtiScore.refused` keeps it."""
        return f"{self.score}/{self.maximum}"


def score_of(link: LtiLink, *, attended: int, total: int) -> tuple[Decimal | None, Decimal]:
    """What attendance is worth by the link's rule, and at most.

    `drop_lowest` missed sessions do not count: percentage = 100 × attended / (total − dropped),
    rounded half up to two places. None where nothing counts.
    """
    maximum = maximum_of(link)
    counted = total - min(link.drop_lowest, total - attended)
    if counted <= 0:
        return None, maximum
    percentage = (FULL * attended / counted).quantize(CENT, ROUND_HALF_UP)
    if link.scores == LtiLink.Scores.THRESHOLD:
        return (maximum if percentage >= link.threshold else Decimal("0.00")), maximum
    return (percentage * maximum / FULL).quantize(CENT, ROUND_HALF_UP), maximum


def scores_to_send(link: LtiLink) -> list[WantedScore]:
    """Scores of students who are connected, which differ from what was sent. Three statements."""
    enrolled = Enrollment.objects.filter(
        course=link.course_id, status=Enrollment.Status.ENROLLED
    ).values("student")
    people = list(
        LtiPerson.objects.filter(platform=link.platform_id, student__in=enrolled).order_by(
            "student"
        )
    )
    sums = {
        student: (attended, total)
        for student, attended, total in AttendanceSummary.objects.filter(
            course=link.course_id
        ).values_list("student", "attended_sessions", "total_sessions")
    }
    known = {row.student_id: row for row in LtiScore.objects.filter(link=link)}
    connected = {person.subject for person in people}
    wanted = []
    for person in people:
        if taken_back := _taken_back(known.get(person.student_id), connected):
            wanted.append(taken_back)
        attended, total = sums.get(person.student_id, (0, 0))
        score, maximum = score_of(link, attended=attended, total=total)
        one = WantedScore(
            student_id=person.student_id,
            subject=person.subject,
            score=score,
            maximum=maximum,
            comment=f"{attended}/{total}",
        )
        if _is_news(one, known.get(person.student_id)):
            wanted.append(one)
    return wanted


def _taken_back(row: LtiScore | None, connected: Collection[str]) -> WantedScore | None:
    """That somebody there keeps no score of a student who is connected as somebody else by now.

    Else one student could be connected as several in turn, and leave each the own attendance.
    """
    if row is None or row.score is None or row.subject in connected:
        return None
    wanted = WantedScore(
        student_id=row.student_id,
        subject=row.subject,
        score=None,
        maximum=row.maximum or FULL,
        comment="",
    )
    return None if row.refused == wanted.mark else wanted


def _is_news(one: WantedScore, row: LtiScore | None) -> bool:
    if row is None or row.subject != one.subject:
        return one.score is not None
    if row.refused:
        return row.refused != one.mark
    if row.sent_at is None:
        return one.score is not None
    return (row.score, row.maximum) != (one.score, one.maximum)


# --- Pages -------------------------------------------------------------------------------------


def link_by_id(*, link_id: Any) -> LtiLink | None:
    rows = LtiLink.objects.select_related("platform", "course__subject")
    return rows.filter(pk=link_id).first()


@dataclass(frozen=True, kw_only=True)
class LinkState:
    enrolled: int
    connected: int
    sent: int
    refused: list[LtiScore]


def link_state(link: LtiLink) -> LinkState:
    """How many of the roster are known there, and what the platform did not take."""
    enrolled = Enrollment.objects.filter(
        course=link.course_id, status=Enrollment.Status.ENROLLED
    ).order_by()
    people = LtiPerson.objects.filter(
        platform=link.platform_id, student__in=enrolled.values("student")
    )
    scores = LtiScore.objects.filter(link=link)
    refused = scores.exclude(refused="").select_related("student").order_by("student__code")
    return LinkState(
        enrolled=enrolled.count(),
        connected=people.count(),
        sent=scores.exclude(sent_at=None).count(),
        refused=list(refused[:50]),
    )
