"""Attendance by student, course, section, department, lecturer, term or week.

Without days the summary is read, which equals the records at all times; with days, and for weeks,
the records themselves are counted by the same rule.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from django.db.models import CharField, Count, F, Q, QuerySet, Sum, Value
from django.db.models.functions import Concat, TruncWeek

from apps.attendance.models import AttendanceRecord, AttendanceSummary, CountsAs, Status
from apps.attendance.models.status import counts_as
from apps.reports.asked import Asked
from apps.reports.percentages import percentage
from apps.reports.selectors.courses import latest_term_id
from apps.reports.tables import PagedRows, Row
from apps.sessions.models import ClassSession, SessionCourse

SECTION: Final = "{course}section"
# What makes a row of each kind, from a record or a summary; {course} leads to its course.
GROUPS: Final[dict[str, dict[str, str]]] = {
    "student": {"id": "student_id", "code": "student__code", "name": "student__full_name"},
    "course": {
        "id": "{course}id",
        "code": "{course}code",
        "name": "{course}subject__name",
    },
    "section": {
        "id": "{course}section_id",
        "code": "{course}section",
        "name": "{course}section__department__name",
    },
    "department": {
        "id": "{course}section__department_id",
        "code": "{course}section__department__code",
        "name": "{course}section__department__name",
    },
    "lecturer": {
        "id": "{course}faculty_id",
        "code": "{course}faculty__code",
        "name": "{course}faculty__full_name",
    },
    "term": {
        "id": "{course}term_id",
        "code": "{course}term__academic_year",
        "name": "{course}term__name",
    },
    # By where the students are now, not by the course: the statistics.
    "placement": {
        "id": "student__placements__section_id",
        "code": "student__placements__section",
        "name": "student__placements__section__department__name",
    },
}
GROUP_NAMES: Final = ("student", "course", "section", "department", "lecturer", "term", "week")


def section_code(path: str) -> Concat:
    """ "CSE-2A" of a section, as `Section.__str__` writes it."""
    return Concat(
        f"{path}__department__code",
        Value("-"),
        f"{path}__year",
        f"{path}__name",
        output_field=CharField(),
    )


def keys_of(group: str, course: str) -> dict[str, Any]:
    """id, code and name of a group as expressions over a record, a summary or a session."""
    paths = {key: path.format(course=course) for key, path in GROUPS[group].items()}
    keys: dict[str, Any] = {f"group_{key}": F(path) for key, path in paths.items()}
    if group in ("section", "placement"):
        keys["group_code"] = section_code(paths["code"])
    return keys


def attendance(asked: Asked) -> PagedRows:
    """The rows of `filters.group_by` ("student" unless said otherwise), by code."""
    group = asked.filters.group_by or "student"
    if group == "week":
        return PagedRows(weeks(asked))
    return PagedRows(grouped(asked, group), _finisher(asked, group))


def grouped(asked: Asked, group: str) -> QuerySet[Any, Any]:
    """Counters per group, ordered by code; students with no mark yet are not among them."""
    counted = _from_records(asked) if asked.has_days else _from_summaries(asked)
    if group == "placement":
        counted = counted.filter(student__placements__is_current=True)
    return (
        counted.order_by()
        .values(**keys_of(group, "course__"))
        .annotate(students=Count("student", distinct=True), **_sums(records=asked.has_days))
        .order_by("group_code", "group_id")
    )


def _from_summaries(asked: Asked) -> QuerySet[Any, Any]:
    return AttendanceSummary.objects.filter(asked.courses("course__"))


def _from_records(asked: Asked) -> QuerySet[Any, Any]:
    found = asked.courses("course__") & asked.days("session__starts_at")
    return AttendanceRecord.objects.filter(found).annotate(counts=counts_as())


def _sums(*, records: bool) -> dict[str, Any]:
    if not records:
        return {
            "sessions": Sum("total_sessions"),
            "attended": Sum("attended_sessions"),
            "late": Sum("late_sessions"),
            "absent": Sum("absent_sessions"),
            "excused": Sum("excused_sessions"),
        }
    return {
        "sessions": Count("id", filter=~Q(counts=CountsAs.NEUTRAL)),
        "attended": Count("id", filter=Q(counts=CountsAs.ATTENDED)),
        "late": Count("id", filter=Q(status=Status.LATE)),
        "absent": Count("id", filter=Q(status=Status.ABSENT)),
        "excused": Count("id", filter=Q(status=Status.EXCUSED)),
    }


def counters(row: Row) -> Row:
    """The figures of a row of `grouped`, with their percentage."""
    names = ("sessions", "attended", "late", "absent", "excused")
    return {
        **{name: row[name] for name in names},
        "percentage": percentage(row["attended"], row["sessions"]),
    }


def _finisher(asked: Asked, group: str) -> Callable[[list[Row]], list[Row]]:
    def finish(rows: list[Row]) -> list[Row]:
        held = _held(asked, group, [row["group_id"] for row in rows])
        return [
            {
                "id": row["group_id"],
                "code": row["group_code"] or "",
                "name": row["group_name"] or "",
                "students": row["students"],
                "held": held.get(row["group_id"], 0) if held is not None else None,
                **counters(row),
            }
            for row in rows
        ]

    return finish


def _held(asked: Asked, group: str, ids: list[Any]) -> dict[Any, int] | None:
    """Completed class sessions per group; None for groups of students, who share sessions."""
    if group in ("student", "placement"):
        return None
    path = GROUPS[group]["id"].format(course="course__")
    wanted = Q(**{f"{path}__in": [value for value in ids if value is not None]})
    if None in ids:
        wanted |= Q(**{f"{path}__isnull": True})
    rows = (
        SessionCourse.objects.filter(
            wanted, asked.courses("course__"), asked.days(), status=ClassSession.Status.COMPLETED
        )
        .order_by()
        .values_list(path)
        .annotate(number=Count("session", distinct=True))
    )
    return dict(rows)


def weeks_shown(asked: Asked) -> list[Row]:
    """The weeks of a chart, each with `present`: attended and not late. Of the latest term where
    neither days nor a term or course were asked for."""
    filters = asked.filters
    if not asked.has_days and filters.term is None and filters.course is None:
        asked = replace(asked, filters=replace(filters, term=latest_term_id(asked)))
    return [{**week, "present": max(week["attended"] - week["late"], 0)} for week in weeks(asked)]


def weeks(asked: Asked, **only: Any) -> list[Row]:
    """The trend: one row per week (Monday to Sunday, campus time) that has marks, oldest first.

    `only` narrows the records further, such as `student=…`.
    """
    rows = (
        _from_records(asked)
        .filter(**only)
        .order_by()
        .values(week=TruncWeek("session__starts_at", tzinfo=asked.zone))
        .annotate(
            students=Count("student", distinct=True),
            held=Count("session", distinct=True),
            **_sums(records=True),
        )
        .order_by("week")
    )
    return [_week_row(row) for row in rows]


def _week_row(row: Row) -> Row:
    monday: datetime = row["week"]
    year, week, _day = monday.isocalendar()
    return {
        "id": None,
        "code": f"{year}-W{week:02d}",
        "name": monday.date().isoformat(),
        "students": row["students"],
        "held": row["held"],
        **counters(row),
    }
