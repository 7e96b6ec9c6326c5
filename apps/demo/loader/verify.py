"""Whether the demo is whole: read back from the database and compared with its files."""

from collections.abc import Iterator
from typing import Any, Final

from django.db.models import Count, Q, Sum

from apps.accounts.models import Faculty, Membership, Student, User
from apps.attendance.models import AttendanceRecord, AttendanceSummary, Status
from apps.audit.services import verify
from apps.classrooms.models import Beacon, Classroom
from apps.demo.loader.data import DemoData
from apps.demo.loader.people import SUPER_ADMIN, SignIn
from apps.enrollments.models import Course, Enrollment, Section, Subject
from apps.sessions.models import ClassSession
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from apps.timetable.models import WeeklySlot

COUNTED: Final = (Status.LATE, Status.ABSENT, Status.EXCUSED)
NONE: Final = (0, 0, 0)


def demo_problems(*, campus: Campus, sign_ins: list[SignIn]) -> list[str]:
    """What is missing or does not fit, in sentences; [] where the demo is whole.

    People may have added to it. `sign_ins`: whose passwords were just made.
    """
    data = DemoData()
    with campus_scope(campus):
        return [
            *_missing(data),
            *_staff(data, campus),
            *_courses(data),
            *_registers(),
            *_passwords(sign_ins),
            *(f"The audit log does not hold: {problem}." for problem in verify().problems),
        ]


def _missing(data: DemoData) -> Iterator[str]:
    facts = data.campus
    wanted: dict[str, tuple[set[Any], Any, str]] = {
        "students": (_codes(data.students), Student, "code"),
        "faculty": (_codes(data.faculty), Faculty, "code"),
        "subjects": (_codes(facts["subjects"]), Subject, "code"),
        "courses": (_codes(facts["courses"]), Course, "code"),
        "classrooms": (
            {one["room_number"] for one in facts["classrooms"]},
            Classroom,
            "room_number",
        ),
        "beacons": ({one["beacon"] for one in facts["classrooms"]}, Beacon, "identifier"),
        "sections": ({one["name"] for one in facts["sections"]}, Section, "name"),
    }
    for kind, (keys, model, column) in wanted.items():
        found = {str(key) for key in model.objects.values_list(column, flat=True)}
        if absent := sorted(keys - found):
            yield f"Of the {kind} are missing: {', '.join(absent)}."


def _codes(rows: list[dict[str, Any]]) -> set[str]:
    return {row["code"] for row in rows}


def _staff(data: DemoData, campus: Campus) -> Iterator[str]:
    for row in data.campus["staff"]:
        email = f"{row['mailbox']}@{campus.slug}.example"
        user = User.objects.filter(email=email, is_active=True).first()
        if user is None or not user.has_usable_password():
            yield f"{email} cannot sign in."
        elif row["role"] == SUPER_ADMIN:
            if not user.is_superuser:
                yield f"{email} is no super administrator."
        elif not Membership.objects.filter(user=user, role=row["role"], is_active=True).exists():
            yield f"{email} has not the role {row['role']}."


def _courses(data: DemoData) -> Iterator[str]:
    """Everybody of its sections attends a course; it has weekly slots and held sessions."""
    sections = {row["code"]: row["section"] for row in data.students}
    for row in data.campus["courses"]:
        of = Course.objects.filter(code=row["code"])
        attends = {code for code, section in sections.items() if section in row["sections"]}
        enrolled = Enrollment.objects.filter(course__in=of).values_list("student__code", flat=True)
        if absent := sorted(attends - set(enrolled)):
            yield f"{row['code']} is not attended by {', '.join(absent)}."
        if not WeeklySlot.objects.filter(course__in=of).exists():
            yield f"{row['code']} has no weekly slots."
        states = set(ClassSession.objects.filter(course__in=of).values_list("status", flat=True))
        if ClassSession.Status.COMPLETED not in states:
            yield f"{row['code']} has no session that was held."


def _registers() -> Iterator[str]:
    """Summaries, which triggers keep, say of each student what a recount of the records says."""
    records = AttendanceRecord.objects.exclude(session__status=ClassSession.Status.CANCELLED)
    counted = records.values_list("student_id").annotate(
        **{status.value: Count("pk", filter=Q(status=status)) for status in COUNTED}
    )
    summaries = AttendanceSummary.objects.values_list("student_id").annotate(
        **{status.value: Sum(f"{status.value}_sessions") for status in COUNTED}
    )
    kept = {student_id: tuple(sums) for student_id, *sums in summaries.order_by()}
    found = {student_id: tuple(counts) for student_id, *counts in counted.order_by()}
    if not found:
        yield "Nobody was ever present or absent."
    for student_id in sorted(found | kept):
        if found.get(student_id, NONE) != kept.get(student_id, NONE):
            yield f"The summaries of student {student_id} are not what the records say."


def _passwords(sign_ins: list[SignIn]) -> Iterator[str]:
    for sign_in in sign_ins[:1]:  # all are made alike, and each takes a tenth of a second
        user = User.objects.filter(email=sign_in.email).first()
        if user is None or not user.check_password(sign_in.password):
            yield f"The password that was made for {sign_in.email} does not fit."
