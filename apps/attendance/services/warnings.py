"""What an absence leads to: a note of it, and warnings near and below the limit, sent once.

A warning is due where the session just completed took a student across a line: below the
percentage at which the policy warns, below the one it demands, or to a number of sessions missed
in a row. A student who stays below gets no second one before having been above.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from django.db import transaction

from apps.accounts.models import Student
from apps.attendance.models import AttendanceRecord, AttendanceSummary, CountsAs, Policy
from apps.attendance.models.status import counts_as
from apps.attendance.selectors.policies import policy_for
from apps.audit.services import SYSTEM, log_event
from apps.enrollments.models import Course
from apps.notifications.services import notify
from apps.sessions.clashes import period_text
from apps.sessions.models import ClassSession, SessionCourse
from apps.sessions.selectors import campus_zone

# Sessions that must count before a percentage is worth a warning: one absence of two is 50 %.
SETTLED_AFTER: Final = 4
CENT: Final = Decimal("0.01")


@transaction.atomic
def absences_notify(*, session: ClassSession, now: datetime) -> int:
    """Tell those who missed a completed session; returns the number of warnings.

    Safe to run twice: every message has the session in its key.
    """
    missed = _missed(session)
    if not missed:
        return 0
    students = {student.pk: student for student in Student.objects.filter(pk__in=missed)}
    notify(
        kind="absence",
        user_ids={student.user_id for student in students.values() if student.user_id},
        data={
            "session": session.pk,
            "course": session.title,
            "when": period_text(session.starts_at, session.ends_at, campus_zone()),
        },
        now=now,
        key=f"absence:{session.pk}",
    )
    courses = Course.objects.filter(meetings__session=session).select_related("subject")
    due = [
        warning
        for course in courses.order_by("meetings__pk")
        for warning in _due_in(course, session, missed, now=now)
    ]
    warned = {student_id for _kind, student_id, _data in due}
    missed_by = AttendanceRecord.objects.filter(session=session, student_id__in=warned)
    marks = {mark.student_id: mark for mark in missed_by} if warned else {}
    for kind, student_id, data in due:
        account = students[student_id].user_id
        told = notify(
            kind=kind,
            user_ids={account} if account else (),
            data=data,
            now=now,
            key=f"{kind}:{session.pk}:{student_id}",
        )
        if told:
            log_event(
                actor=SYSTEM,
                action="attendance.student.warned",
                now=now,
                target=marks[student_id],
                data={"kind": kind, "session": session.pk},
            )
    return len(due)


def _missed(session: ClassSession) -> dict[int, int]:
    """Students whose mark in this session counts as missed → the course that it counts for."""
    marks = AttendanceRecord.objects.filter(session=session).annotate(counted=counts_as())
    return dict(marks.filter(counted=CountsAs.MISSED).values_list("student_id", "course_id"))


Due = tuple[str, int, dict[str, Any]]


def _due_in(
    course: Course, session: ClassSession, missed: Mapping[int, int], *, now: datetime
) -> list[Due]:
    """What is due to those who missed it as students of this course, by the course's policy."""
    students = {student_id for student_id, own in missed.items() if own == course.pk}
    policy = policy_for(course=course)
    facts = {"session": session.pk, "course": str(course)}
    due = [
        *_percentages(course, policy, students, now=now),
        *_rows(course, session, policy.consecutive_absences, students),
    ]
    return [(kind, student_id, {**facts, **data}) for kind, student_id, data in due]


def _percentages(
    course: Course, policy: Policy, missed: Collection[int], *, now: datetime
) -> list[Due]:
    """Who fell below a line by missing a session; of two lines the lower one alone."""
    left = SessionCourse.objects.filter(
        course=course, status=ClassSession.Status.SCHEDULED, starts_at__gt=now
    ).count()
    due: list[Due] = []
    summaries = AttendanceSummary.objects.filter(course=course, student_id__in=missed)
    for summary in summaries.order_by("student_id"):
        attended, held = summary.attended_sessions, summary.total_sessions
        is_now = summary.attendance_percentage
        before = _percentage(attended, held - 1) if held > SETTLED_AFTER else Decimal(100)
        lines = (
            ("attendance_warning", policy.defaulter_percent),
            ("attendance_near", policy.warn_percent),
        )
        kind = next((kind for kind, line in lines if is_now < line <= before), "")
        if held < SETTLED_AFTER or not kind:
            continue
        facts = {
            "attended": attended,
            "held": held,
            "percent": plain(is_now),
            "threshold": plain(policy.defaulter_percent),
            "reachable": plain(_percentage(attended + left, held + left)),
        }
        due.append((kind, summary.student_id, facts))
    return due


def _rows(course: Course, session: ClassSession, number: int, missed: Collection[int]) -> list[Due]:
    """Who has now missed exactly `number` sessions in a row. Excused ones neither count nor end it.

    One statement: the newest marks of each student that count at all.
    """
    if not number:
        return []
    marks = (
        AttendanceRecord.objects.filter(
            course=course,
            session__starts_at__lte=session.starts_at,
            student_id__in=missed,
        )
        .annotate(counted=counts_as())
        .exclude(counted=CountsAs.NEUTRAL)
        .order_by("student_id", "-session__starts_at", "-session_id")
        .values_list("student_id", "counted")
    )
    runs: dict[int, list[str]] = {}
    for student_id, counted in marks:
        newest = runs.setdefault(student_id, [])
        if len(newest) <= number:
            newest.append(counted)
    full = [CountsAs.MISSED] * number
    return [
        ("consecutive_absences", student_id, {"count": number})
        for student_id, newest in runs.items()
        if newest[:number] == full and newest[number:] != [CountsAs.MISSED]
    ]


def _percentage(attended: int, counted: int) -> Decimal:
    """0.00–100.00, by the rule of `AttendanceSummary`; 100 before anything counts."""
    if counted <= 0:
        return Decimal(100)
    return (Decimal(100) * attended / counted).quantize(CENT, rounding=ROUND_HALF_UP)


def plain(value: Decimal) -> str:
    """Without zeros that say nothing: 75.00 → "75", 76.50 → "76.5"."""
    return f"{value.normalize():f}"
