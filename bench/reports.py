"""Reports over HTTP, beside a full recount of the same records in the same run.

    python -m bench.reports [--terms 1] [--students 4000] [--requests 200] [--json FILE]

One term is 4,000 students × 6 courses × 60 sessions = 1.44 million records; seven terms are 10.08
million (half an hour and some GB). Starts its own PostgreSQL, Valkey and web server (granian, 2
workers × 2 threads) in a temporary folder. Requests go one after the other over one connection,
each for another course or student; the table gives medians, p95, and p95 as a share of the
recount's. `me` is the floor: what an answer costs that reads next to nothing. Promises, at p95: the
semester of a course ≤ 25 ms, one student ≤ 10 ms, defaulters ≤ 60 ms.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.check_in import HOST, PORT, set_up, web_server

COURSES_EACH = 6
SESSIONS = 60
GROUP = 60  # students who share their courses
LEFT = 10  # sessions of the term that are still to come
TERM_DAYS = 220
PROMISES = {"course": 25.0, "student": 10.0, "defaulters": 60.0}

# Every mark of a term; who attends how often follows from the student's id.
RECORDS = """
INSERT INTO attendance_attendancerecord (
    campus_id, session_id, student_id, status, source, recorded_at, minutes_late,
    biometric_verified, location_verified, bluetooth_verified, verification_score, notes,
    created_at, updated_at
)
SELECT s.campus_id, s.id, e.student_id,
    CASE WHEN random() < 0.6 + 0.4 * ((e.student_id * 7919) %% 100) / 100.0
        THEN (ARRAY['present', 'present', 'present', 'late'])[1 + floor(random() * 4)::int]
        ELSE (ARRAY['absent', 'absent', 'absent', 'excused'])[1 + floor(random() * 4)::int] END,
    'check_in', s.starts_at, 0, true, true, false, 0.90, '', now(), now()
FROM class_sessions_classsession s
JOIN enrollments_course c ON c.id = s.course_id
JOIN enrollments_enrollment e ON e.course_id = c.id
WHERE c.term_id = %s AND s.status = 'completed'
ORDER BY s.id, e.student_id
"""
RECOUNT = """
SELECT s.course_id, r.student_id, count(*) FILTER (WHERE r.status IN ('present', 'late')),
    count(*) FILTER (WHERE r.status <> 'excused')
FROM attendance_attendancerecord r
JOIN class_sessions_classsession s ON s.id = r.session_id
JOIN enrollments_course c ON c.id = s.course_id
WHERE {where}
GROUP BY s.course_id, r.student_id
"""


class School:
    """The campus, its principal's token, and the ids to ask for."""

    def __init__(self, terms: int, students: int) -> None:
        from apps.tenants.models import Campus, Domain
        from apps.tenants.scope import campus_scope

        self.campus = Campus.objects.create(slug="bench", name="Bench")
        Domain.objects.create(campus=self.campus, host=HOST)
        with campus_scope(self.campus):
            self.token = self._principal()
            self.students = self._students(students)
            for number in reversed(range(terms)):
                self.term_id, self.courses = self._term(number)
        vacuum()

    def _principal(self) -> str:
        from apps.accounts.models import Faculty, Membership, Role, User
        from bench.people import signed_in_token

        user = User(email="p@bench.example", name="Principal")
        user.set_unusable_password()
        user.save()
        Membership.objects.create(user=user, role=Role.PRINCIPAL)
        self.lecturer = Faculty.objects.create(
            code="F1", first_name="Principal", email=user.email, user=user
        )
        return signed_in_token(self.lecturer)

    def _students(self, number: int) -> list[int]:
        from apps.accounts.models import Student

        people = [
            Student(
                code=f"B{n:06d}", first_name="Student", last_name=str(n), email=f"s{n}@b.example"
            )
            for n in range(number)
        ]
        return [person.pk for person in Student.objects.bulk_create(people)]

    def _term(self, back: int) -> tuple[int, list[int]]:
        """The term that began so many terms ago; the latest still has sessions to come."""
        from apps.enrollments.models import Course, Enrollment, Subject, Term

        first = datetime.now(UTC).date() - timedelta(days=160 + TERM_DAYS * back)
        term = Term.objects.create(
            name=f"T{back}",
            academic_year=f"{2030 - back}-{2031 - back}",
            starts_on=first,
            ends_on=first + timedelta(days=TERM_DAYS - 1),
        )
        groups = len(self.students) // GROUP
        subject, _made = Subject.objects.get_or_create(code="B1", defaults={"name": "Bench"})
        courses = Course.objects.bulk_create(
            Course(code=f"B{n:04d}", term=term, subject=subject, faculty=self.lecturer)
            for n in range(groups * COURSES_EACH)
        )
        Enrollment.objects.bulk_create(
            [
                Enrollment(student_id=student, course=course, enrolled_on=first)
                for number, student in enumerate(self.students)
                for course in courses[number % groups :: groups]
            ],
            batch_size=5000,
        )
        self._sessions(courses, first, to_come=LEFT if back == 0 else 0)
        self._records(term.pk)
        return term.pk, [course.pk for course in courses]

    def _sessions(self, courses: list[Any], first: date, *, to_come: int) -> None:
        from apps.sessions.models import ClassSession

        midnight = datetime.combine(first, datetime.min.time(), tzinfo=UTC)
        rows = []
        for course in courses:
            for number in range(SESSIONS + to_come):
                done = number < SESSIONS
                day = number * 2.5 if done else 161 + number - SESSIONS
                starts_at = midnight + timedelta(days=day)
                rows.append(
                    ClassSession(
                        course=course,
                        faculty=self.lecturer,
                        starts_at=starts_at,
                        ends_at=starts_at + timedelta(hours=1),
                        opened_at=starts_at if done else None,
                        status="completed" if done else "scheduled",
                        is_planned=False,
                    )
                )
        ClassSession.objects.bulk_create(rows, batch_size=5000)

    def _records(self, term_id: int) -> None:
        from django.db import connection

        started = time.perf_counter()
        with connection.cursor() as cursor:
            cursor.execute("SELECT attendance_history_analyze()")  # as every import of marks does
            cursor.execute(RECORDS, [term_id])
            print(
                f"{cursor.rowcount:,} records in {time.perf_counter() - started:.0f} s", flush=True
            )


def vacuum() -> None:
    from django.db import connections

    with connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def get(path: str, token: str) -> bytes:
    lines = [f"GET /api/v1/{path} HTTP/1.1", f"Host: {HOST}", f"Authorization: Bearer {token}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def measure(make: Callable[[int], bytes], count: int) -> dict[str, float]:
    """p50 and p95 in ms of `count` requests in a row, after ten to warm up."""
    from bench.load import run

    run(PORT, make, count=10, connections=1)
    load = run(PORT, make, count=count, connections=1)
    wrong = {status for _number, status, _body in load.answers} - {200}
    if wrong:
        raise SystemExit(f"Answered {wrong}: {load.answers[0][2][:300]!r}")
    return {"p50": load.percentile(0.5), "p95": load.percentile(0.95)}


def recount(campus: Any, where: str, values: list[int]) -> dict[str, float]:
    """p50 and p95 in ms of the same counting from the records, in the database alone."""
    from django.db import connection

    from apps.tenants.scope import campus_scope

    taken = []
    statement = RECOUNT.format(where=where)
    with campus_scope(campus), connection.cursor() as cursor:
        for value in values:
            started = time.perf_counter()
            cursor.execute(statement, [value])
            cursor.fetchall()
            taken.append(1000 * (time.perf_counter() - started))
    ordered = sorted(taken)
    return {"p50": statistics.median(taken), "p95": ordered[int(0.95 * (len(ordered) - 1))]}


def measured(school: School, requests: int) -> dict[str, Any]:
    def asked(path: str, ids: list[int]) -> Callable[[int], bytes]:
        return lambda n: get(path.format(ids[n * 37 % len(ids)]), school.token)

    paths = {
        "me": asked("me", [0]),
        "course": asked("reports/attendance?course={}&page_size=200", school.courses),
        "student": asked("reports/students/{}", school.students),
        "defaulters": asked("reports/defaulters", [0]),
    }
    recounts: dict[str, tuple[str, list[int]]] = {
        "course": ("c.id = %s", school.courses[:60]),
        "student": ("r.student_id = %s", school.students[:60]),
        "defaulters": ("c.term_id = %s", [school.term_id] * 5),
    }
    result: dict[str, Any] = {}
    for name, make in paths.items():
        result[name] = measure(make, requests)
        if name in recounts:
            result[name]["recount"] = recount(school.campus, *recounts[name])
    return result


def report(result: dict[str, Any]) -> None:
    print(f"{'':12} {'p50 ms':>8} {'p95 ms':>8} {'recount p95':>12} {'share':>7} {'promise':>8}")
    for name, row in result.items():
        again = row.get("recount")
        tail = f" {again['p95']:12.1f} {row['p95'] / again['p95']:7.2f}" if again else ""
        promise = f" {PROMISES[name]:8.0f}" if name in PROMISES else ""
        print(f"{name:12} {row['p50']:8.1f} {row['p95']:8.1f}{tail}{promise}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--terms", type=int, default=1)
    parser.add_argument("--students", type=int, default=4000)
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    from apps.processes.embedded import EmbeddedStack, Layout

    with tempfile.TemporaryDirectory(prefix="campus-bench-") as folder:
        stack = EmbeddedStack(Layout(Path(folder)))
        stack.start()
        try:
            set_up(Path(folder))
            school = School(options.terms, options.students)
            with web_server():
                result = measured(school, options.requests)
        finally:
            stack.stop()
    report(result)
    if options.json:
        options.json.write_text(json.dumps(result, indent=2))
    return int(any(result[name]["p95"] > most for name, most in PROMISES.items()))


if __name__ == "__main__":
    sys.exit(main())
