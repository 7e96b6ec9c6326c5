"""A term as files that outlive the platform: a OneRoster bundle, and its registers as JSON.

The format of the bundle: IMS Global, “OneRoster 1.2 CSV Binding”; the import of this platform and
of others reads it. The registers have no such format, so they are JSON that explains itself.
"""

import csv
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import chain
from typing import IO, Any, Final

from django.db.models import Q

from apps.accounts.models import Faculty, Student
from apps.attendance.models import AttendanceRecord, AttendanceSummary
from apps.common.formulas import neutral
from apps.enrollments import roster_rows as rows
from apps.enrollments.models import Course, Enrollment, Subject, Term
from apps.enrollments.roster_rows import RosterPart, school_id
from apps.sessions.models import ClassSession

BATCH: Final = 2_000
_HEADINGS: Final = {
    "manifest": ("propertyName", "value"),
    "orgs": ("sourcedId", "status", "name", "type", "identifier", "parentSourcedId"),
    "academicSessions": (
        *("sourcedId", "status", "title", "type", "startDate", "endDate", "schoolYear"),
    ),
    "courses": ("sourcedId", "status", "title", "courseCode", "orgSourcedId"),
    "classes": (
        *("sourcedId", "status", "title", "courseSourcedId", "classCode", "termSourcedIds"),
        "schoolSourcedId",
    ),
    "users": ("sourcedId", "status", "username", "givenName", "familyName", "identifier", "email"),
    "roles": ("sourcedId", "userSourcedId", "roleType", "role", "orgSourcedId"),
    "enrollments": (
        *("sourcedId", "status", "classSourcedId", "userSourcedId", "role", "primary"),
        *("beginDate", "endDate"),
    ),
}
Report = Callable[[int, int], object]


def write_term(term: Term, file: IO[bytes], *, progress: Report) -> dict[str, int]:
    """Write the ZIP; how many classes, people, enrolments, sessions and marks it holds."""
    counts: dict[str, int] = {}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, lines in _bundle(term).items():
            counts[name] = _write_csv(bundle, name, lines)
        with bundle.open("registers.json", "w", force_zip64=True) as stream:
            counts |= _write_registers(term, stream, progress)
    return {
        "classes": counts["classes"],
        "people": counts["users"],
        "enrolments": counts["enrollments"] - counts["classes"],
        "sessions": counts["sessions"],
        "marks": counts["marks"],
    }


def _write_csv(bundle: zipfile.ZipFile, name: str, rows: Iterable[tuple[Any, ...]]) -> int:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_HEADINGS[name])
    count = 0
    for row in rows:
        writer.writerow([neutral(str(cell)) for cell in row])
        count += 1
    bundle.writestr(f"{name}.csv", text.getvalue())
    return count


def _bundle(term: Term) -> dict[str, Iterable[tuple[Any, ...]]]:
    """Everybody and everything as it was in the term: who has left since is not marked so."""
    held = Course.objects.filter(term=term)
    places = Enrollment.objects.filter(course__term=term)
    taught = Subject.objects.filter(pk__in=held.values("subject_id"))
    students = Student.objects.filter(pk__in=places.values("student_id"))
    teachers = Faculty.objects.filter(pk__in=held.values("faculty_id"))
    dropped = Q(status=Enrollment.Status.DROPPED)
    people = [*_of(rows.students(), students), *_of(rows.faculty(), teachers)]
    found = {
        "orgs": chain(_of(rows.school()), _of(rows.departments())),
        "academicSessions": _of(rows.terms(), Term.objects.filter(pk=term.pk)),
        "courses": _of(rows.subjects(), taught),
        "classes": _of(rows.courses(), held),
        "users": people,
        "enrollments": chain(
            _of(rows.teaching(), held), _of(rows.enrolments(), places, gone=dropped)
        ),
    }
    return {
        "manifest": _manifest(),
        "roles": [
            (f"role-{one['sourcedId']}", one["sourcedId"], "primary", one["role"], school_id())
            for one in people
        ],
        **{name: _cells(name, objects) for name, objects in found.items()},
    }


def _of(part: RosterPart, chosen: Any = None, *, gone: Q | None = None) -> Iterator[dict[str, Any]]:
    """Objects of this table; all, or those that were chosen."""
    listed = (part.rows if chosen is None else chosen).order_by("pk")
    for _pk, row in replace(part, gone=gone).read(["status", *part.fields], listed):
        yield row


def _cells(name: str, found: Iterable[dict[str, Any]]) -> Iterator[tuple[Any, ...]]:
    """As the headings of the file have them: a reference is `courseSourcedId` there."""
    fields = [re.sub("SourcedId(s?)$", r"\1", heading) for heading in _HEADINGS[name]]
    for row in found:
        values = (row[field] for field in fields)
        yield tuple("" if value is None else value for value in values)


def _manifest() -> list[tuple[str, str]]:
    files = [name for name in _HEADINGS if name != "manifest"]
    return [
        ("manifest.version", "1.0"),
        ("oneroster.version", "1.2"),
        *((f"file.{name}", "bulk") for name in files),
    ]


def _write_registers(term: Term, stream: IO[bytes], progress: Report) -> dict[str, int]:
    """Sessions with their marks, one a line, then the sums and final grades."""
    held = ClassSession.objects.filter(
        Q(course__term=term) | Q(courses__course__term=term)
    ).distinct()
    total, marks = held.count(), 0
    head = {"term": str(term), "starts_on": term.starts_on, "ends_on": term.ends_on}
    stream.write(_json(head)[:-1] + b',\n"sessions": [\n')
    for number, session in enumerate(held.select_related("course").order_by("pk").iterator(BATCH)):
        line = _session(session)
        marks += len(line["marks"])
        stream.write((b",\n" if number else b"") + _json(line))
        progress(number + 1, total)
    stream.write(b"\n],\n" + _json({"sums": _sums(term), "grades": _grades(term)})[1:] + b"\n")
    return {"sessions": total, "marks": marks}


def _session(session: ClassSession) -> dict[str, Any]:
    records = AttendanceRecord.objects.filter(session=session).order_by("student_id")
    return {
        "id": session.pk,
        "course": session.course.code,
        "together_with": session.also_codes,
        "day": session.held_on,
        "starts_at": session.starts_at,
        "ends_at": session.ends_at,
        "status": session.status,
        "topic": session.topic,
        "marks": [
            {
                "student": code,
                "course": course,
                "status": status,
                "label": label or "",
                "minutes_late": late,
                "source": source,
                "recorded_at": recorded_at,
            }
            for code, course, status, label, late, source, recorded_at in records.values_list(
                *("student__code", "course__code", "status", "label__code", "minutes_late"),
                *("source", "recorded_at"),
            )
        ],
    }


def _sums(term: Term) -> list[dict[str, Any]]:
    sums = AttendanceSummary.objects.filter(course__term=term).order_by("course_id", "student_id")
    return [
        {"student": row.pop("student__code"), "course": row.pop("course__code"), **row}
        for row in sums.values(
            *("student__code", "course__code", "total_sessions", "attended_sessions"),
            *("late_sessions", "absent_sessions", "excused_sessions"),
        )
    ]


def _grades(term: Term) -> list[dict[str, Any]]:
    graded = Enrollment.objects.filter(course__term=term).exclude(final_grade="")
    return [
        {"student": student, "course": course, "grade": grade}
        for student, course, grade in graded.order_by("pk").values_list(
            "student__code", "course__code", "final_grade"
        )
    ]


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, default=lambda moment: moment.isoformat()).encode()
