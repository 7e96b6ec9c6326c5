"""A term as files that outlive the platform: a OneRoster bundle, and its registers as JSON.

The format of the bundle: IMS Global, “OneRoster 1.2 CSV Binding”; the import of this platform and
of others reads it. The registers have no such format, so they are JSON that explains itself.
"""

import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any, Final

from django.db.models import Q

from apps.accounts.models import Faculty, Student
from apps.attendance.models import AttendanceRecord, AttendanceSummary
from apps.common.formulas import neutral
from apps.enrollments.models import Course, Department, Enrollment, Term
from apps.sessions.models import ClassSession
from apps.tenants.models import Campus
from apps.tenants.scope import current_campus_id

BATCH: Final = 2_000
ORG: Final = "campus"
STATUSES: Final = {"enrolled": "active", "completed": "active", "dropped": "tobedeleted"}
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
        for name, rows in _bundle(term).items():
            counts[name] = _write_csv(bundle, name, rows)
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
    courses = list(Course.objects.filter(term=term).select_related("subject").order_by("pk"))
    places = Enrollment.objects.filter(course__term=term)
    students = Student.objects.filter(pk__in=places.values("student_id")).order_by("pk")
    teachers = Faculty.objects.filter(pk__in={course.faculty_id for course in courses})
    subjects = {course.subject_id: course.subject for course in courses}
    people: list[tuple[str, Student | Faculty]] = [("student", person) for person in students]
    people += [("teacher", person) for person in teachers.order_by("pk")]
    return {
        "manifest": _manifest(),
        "orgs": _orgs(),
        "academicSessions": [_term(term)],
        "courses": [
            (f"course-{subject.pk}", "active", subject.name, subject.code, ORG)
            for subject in subjects.values()
        ],
        "classes": [
            (
                _class(course.pk),
                "active",
                course.subject.name,
                f"course-{course.subject_id}",
                course.code,
                f"term-{term.pk}",
                ORG,
            )
            for course in courses
        ],
        "users": [
            (
                _user(role, person.pk),
                "active",
                person.code,
                person.first_name,
                person.last_name,
                person.code,
                person.email,
            )
            for role, person in people
        ],
        "roles": [
            (f"role-{role}-{person.pk}", _user(role, person.pk), "primary", role, ORG)
            for role, person in people
        ],
        "enrollments": _enrollments(courses, places),
    }


def _manifest() -> list[tuple[str, str]]:
    files = [name for name in _HEADINGS if name != "manifest"]
    return [
        ("manifest.version", "1.0"),
        ("oneroster.version", "1.2"),
        *((f"file.{name}", "bulk") for name in files),
    ]


def _orgs() -> Iterator[tuple[Any, ...]]:
    campus = Campus.objects.get(pk=current_campus_id())
    yield (ORG, "active", campus.name, "school", campus.slug, "")
    for department in Department.objects.order_by("pk"):
        pk = f"department-{department.pk}"
        yield (pk, "active", department.name, "department", department.code, ORG)


def _term(term: Term) -> tuple[Any, ...]:
    last = term.academic_year.partition("-")[2]
    days = (term.starts_on.isoformat(), term.ends_on.isoformat())
    return (f"term-{term.pk}", "active", term.name, "term", *days, last)


def _class(pk: int) -> str:
    return f"class-{pk}"


def _user(role: str, pk: int) -> str:
    return f"{role}-{pk}"


def _enrollments(courses: list[Course], places: Any) -> Iterator[tuple[Any, ...]]:
    for course in courses:
        teacher = _user("teacher", course.faculty_id)
        yield (
            f"teaches-{course.pk}",
            "active",
            _class(course.pk),
            teacher,
            "teacher",
            "true",
            "",
            "",
        )
    for place in places.order_by("pk").iterator(chunk_size=BATCH):
        yield (
            f"enrolment-{place.pk}",
            STATUSES[place.status],
            _class(place.course_id),
            _user("student", place.student_id),
            "student",
            "false",
            place.enrolled_on.isoformat(),
            place.ended_on.isoformat() if place.ended_on else "",
        )


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
