"""Where the cells of a report lead: to the student, the course, the session."""

from typing import Final

from django.urls import reverse

from apps.reports.asked import Asked
from apps.reports.catalogue import ReportDefinition
from apps.reports.tables import Row
from apps.sessions.models import ClassSession

STUDENT: Final = ("code", "name")
COURSE: Final = ("course_code", "course_name")
SESSION: Final = ("starts_at",)


def links_of(rows: list[Row], *, report: ReportDefinition, asked: Asked) -> list[dict[str, str]]:
    """For each row the addresses by column. One statement where rows name sessions."""
    group = asked.filters.group_by or next(iter(report.groups), "")
    held = _held_by(rows, asked)
    found = []
    for row in rows:
        links: dict[str, str] = {}
        grouped = row.get("id") if report.groups else None
        student = row.get("student") or (grouped if group == "student" else None)
        course = row.get("course") or (grouped if group == "course" else None)
        if student:
            address = reverse("portal:report_student", args=[student])
            links |= dict.fromkeys(STUDENT, address)
        if course:
            names = STUDENT if group == "course" and not student else COURSE
            links |= dict.fromkeys(names, _course(course, asked))
        if row.get("session") in held:
            address = reverse("portal:session", args=[row["session"]])
            links |= dict.fromkeys(SESSION, address)
        found.append(links)
    return found


def _course(course_id: int, asked: Asked) -> str:
    """Lecturers have a page for each of their courses, the office has its report."""
    if not asked.viewer.office:
        return reverse("portal:course", args=[course_id])
    return f"{reverse('portal:reports')}?report=attendance&course={course_id}"


def _held_by(rows: list[Row], asked: Asked) -> set[int]:
    """Those of the sessions whose register the reader may open."""
    ids = {row["session"] for row in rows if row.get("session")}
    if not ids or asked.viewer.faculty is None:
        return set()
    own = ClassSession.objects.filter(pk__in=ids, faculty=asked.viewer.faculty)
    return set(own.values_list("pk", flat=True))
