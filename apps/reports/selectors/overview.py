"""Statistics of sections, departments and years, and who checked in how."""

from dataclasses import replace
from itertools import groupby
from typing import Any, Final

from django.db.models import Avg, Case, Count, F, OuterRef, Q, QuerySet, Subquery, Value, When

from apps.attendance.models import AttendanceRecord, RecordSource
from apps.checkin.models import CheckInAttempt
from apps.checkin.selectors.attempts import attempts_behind
from apps.enrollments.models import Placement, Section
from apps.reports.asked import Asked
from apps.reports.percentages import percentage
from apps.reports.selectors.attendance import counters, grouped
from apps.reports.selectors.courses import latest_term_id
from apps.reports.tables import PagedRows, Row

STATISTICS_GROUPS: Final = ("section", "department", "year")
SUMMED: Final = ("students", "marked", "sessions", "attended", "late", "absent", "excused")
# Score bands: from, below.
BANDS: Final = {"score_low": (0, 0.6), "score_middle": (0.6, 0.8), "score_high": (0.8, 1.01)}


# --- Statistics ------------------------------------------------------------------------------


def statistics(asked: Asked) -> PagedRows:
    """Per section, department or year: active students placed there now, and their attendance.

    Where somebody is placed decides, not whose course it was. Every section is listed, also with
    no student and no mark.
    """
    group = asked.filters.group_by or "section"
    rows = sorted(_sections(asked), key=lambda row: _key(row, group))
    merged = [_merged(list(part)) for _k, part in groupby(rows, lambda row: _key(row, group))]
    return PagedRows([_named(row, group) for row in merged])


def _key(row: Row, group: str) -> tuple[Any, ...]:
    parts = {
        "year": (row["year"],),
        "department": (row["department"],),
        "section": (row["year"], row["department"], row["section"], row["id"]),
    }
    return parts[group]


def _sections(asked: Asked) -> list[Row]:
    wanted = Q()
    if asked.filters.section is not None:
        wanted &= Q(pk=asked.filters.section)
    if asked.filters.department is not None:
        wanted &= Q(department=asked.filters.department)
    figures = {row["group_id"]: row for row in grouped(_everywhere(asked), "placement")}
    placed = _students_placed()
    return [
        {
            "id": section.pk,
            "year": section.year,
            "department": section.department.code,
            "section": section.name,
            "students": placed.get(section.pk, 0),
            "marked": figures.get(section.pk, {}).get("students", 0),
            **counters(figures.get(section.pk, NOTHING)),
        }
        for section in Section.objects.filter(wanted).select_related("department")
    ]


NOTHING: Final = dict.fromkeys(("sessions", "attended", "late", "absent", "excused"), 0)


def _everywhere(asked: Asked) -> Asked:
    """The same question without section and department, which here mean the students'."""
    return replace(asked, filters=replace(asked.filters, section=None, department=None))


def _students_placed() -> dict[int, int]:
    rows = (
        Placement.objects.filter(is_current=True, student__is_active=True)
        .order_by()
        .values_list("section_id")
        .annotate(number=Count("id"))
    )
    return dict(rows)


def _merged(rows: list[Row]) -> Row:
    sums = {name: sum(row[name] for row in rows) for name in SUMMED}
    return {**rows[0], **sums, "percentage": percentage(sums["attended"], sums["sessions"])}


def _named(row: Row, group: str) -> Row:
    """What several groups share stays empty in their common row."""
    if group == "section":
        return row
    kept = {"year": row["year"]} if group == "year" else {"department": row["department"]}
    return {**row, "id": None, "year": None, "department": "", "section": "", **kept}


# --- Who checked in how ----------------------------------------------------------------------

# A record made by a check-in is called by the attempt's method, any other by its source.
_ATTEMPT: Final = CheckInAttempt.objects.filter(pk=OuterRef("attempt_id")).values("method")
METHOD: Final = Case(
    When(source=RecordSource.CHECK_IN, attempt_id__isnull=False, then=Subquery(_ATTEMPT)),
    default=F("source"),
)


def _records(asked: Asked) -> QuerySet[Any, Any]:
    found = asked.courses("course__") & asked.days("session__starts_at")
    filters = asked.filters
    if filters.session is not None:
        found &= Q(session=filters.session)
    elif filters.term is None and filters.course is None and not asked.has_days:
        found &= Q(course__term=latest_term_id(asked))
    return AttendanceRecord.objects.filter(found).annotate(method=METHOD)


def methods(asked: Asked) -> PagedRows:
    """Marks per method: how many, which factors were proven, and the score's bands."""
    bands: dict[str, Any] = {
        name: Count(
            "id",
            filter=Q(source=RecordSource.CHECK_IN, verification_score__gte=low)
            & Q(verification_score__lt=high),
        )
        for name, (low, high) in BANDS.items()
    }
    rows = (
        _records(asked)
        .order_by()
        .values("method")
        .annotate(
            marks=Count("id"),
            face=Count("id", filter=Q(biometric_verified=True)),
            place=Count("id", filter=Q(location_verified=True)),
            beacon=Count("id", filter=Q(bluetooth_verified=True)),
            person=Count("id", filter=Q(person_verified=True)),
            mean_score=Avg(
                Case(
                    When(source=RecordSource.CHECK_IN, then=F("verification_score")),
                    default=Value(None),
                )
            ),
            **bands,
        )
        .order_by("-marks", "method")
    )
    return PagedRows(rows, lambda page: [_method_row(row) for row in page])


def _method_row(row: Row) -> Row:
    mean = row["mean_score"]
    return {**row, "mean_score": None if mean is None else round(mean, 2)}


def check_ins(asked: Asked) -> PagedRows:
    """Every mark with its method, factors and score, newest session first, then by number."""
    rows = (
        _records(asked)
        .select_related("student", "session", "course", "label")
        .order_by("-session__starts_at", "student__code", "id")
    )
    return PagedRows(rows, _check_in_rows)


def _check_in_rows(page: list[Any]) -> list[Row]:
    behind = attempts_behind(records=page)
    return [_check_in_row(record, behind.get(record.attempt_id)) for record in page]


def _check_in_row(record: Any, attempt: CheckInAttempt | None) -> Row:
    factors = attempt.factors if attempt else {}
    proven = [name for name, factor in factors.items() if factor.get("passed")]
    by_check_in = record.source == RecordSource.CHECK_IN
    return {
        "session": record.session_id,
        "starts_at": record.session.starts_at,
        "course": record.course_id,
        "course_code": record.course.code,
        "student": record.student_id,
        "code": record.student.code,
        "name": record.student.full_name,
        "status": record.status,
        "label": record.label.name if record.label else str(record.get_status_display()),
        "method": record.method,
        "factors": ", ".join(proven),
        "score": record.verification_score if by_check_in else None,
        "recorded_at": record.recorded_at,
        "minutes_late": record.minutes_late,
    }
