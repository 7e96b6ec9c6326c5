"""Plain functions that build rows for tests. Each needs the campus to be entered."""

import itertools
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from apps.accounts.models import Faculty, Member, Membership, Role, Student, User
from apps.classrooms.models import Building, Classroom
from apps.enrollments.models import Course, Department, Enrollment, Section, Subject, Term
from apps.sessions.models import ClassSession
from apps.tenants.models import Campus, Domain
from apps.tenants.scope import campus_scope

PASSWORD = "correct horse battery staple"

_numbers = itertools.count(1)


def make_campus(slug: str, **fields: Any) -> Campus:
    campus = Campus.objects.create(
        slug=slug,
        name=f"{slug.title()} Campus",
        time_zone=fields.pop("time_zone", "Europe/Berlin"),
        email_domains=[f"{slug}.example"],
        **fields,
    )
    Domain.objects.create(campus=campus, host=f"{slug}.example")
    return campus


def make_user(email: str, *roles: str, name: str = "", **fields: Any) -> User:
    user = User.objects.create_user(email, PASSWORD, name=name, **fields)
    for role in roles:
        Membership.objects.create(user=user, role=role)
    if roles and name:
        Member.objects.filter(user=user).update(name=name)
    return user


def make_student(code: str = "", *, slug: str = "north", **fields: Any) -> Student:
    code = code or f"N{next(_numbers):06d}"
    email = fields.pop("email", f"{code.lower()}@{slug}.example")
    user = fields.pop("user", None) or make_user(email, Role.STUDENT, name=code)
    return Student.objects.create(
        code=code,
        first_name=fields.pop("first_name", "Student"),
        last_name=fields.pop("last_name", code),
        email=email,
        user=user,
        year_of_study=fields.pop("year_of_study", 2),
        **fields,
    )


def make_faculty(code: str = "", *, slug: str = "north", **fields: Any) -> Faculty:
    code = code or f"F{next(_numbers):04d}"
    email = fields.pop("email", f"{code.lower()}@{slug}.example")
    user = fields.pop("user", None) or make_user(email, Role.FACULTY, name=code)
    return Faculty.objects.create(
        code=code,
        first_name=fields.pop("first_name", "Lecturer"),
        last_name=fields.pop("last_name", code),
        email=email,
        user=user,
        **fields,
    )


def make_classroom(number: str = "101", **fields: Any) -> Classroom:
    building, _created = Building.objects.get_or_create(name=fields.pop("building", "Main"))
    return Classroom.objects.create(
        building=building,
        room_number=number,
        latitude=fields.pop("latitude", "52.51627300"),
        longitude=fields.pop("longitude", "13.37770400"),
        **fields,
    )


def make_term(**fields: Any) -> Term:
    return Term.objects.create(
        **{
            "name": "Autumn",
            "academic_year": "2026-2027",
            "starts_on": date(2026, 9, 1),
            "ends_on": date(2027, 1, 31),
            **fields,
        }
    )


def make_course(*, faculty: Faculty, code: str = "CS201-A", **fields: Any) -> Course:
    term = fields.pop("term", None) or Term.objects.first() or make_term()
    department, _created = Department.objects.get_or_create(code="CSE", defaults={"name": "CSE"})
    section, _created = Section.objects.get_or_create(department=department, year=2, name="A")
    subject, _created = Subject.objects.get_or_create(
        code=code.partition("-")[0], defaults={"name": "Algorithms"}
    )
    return Course.objects.create(
        code=code, term=term, subject=subject, section=section, faculty=faculty, **fields
    )


def enroll(student: Student, course: Course, **fields: Any) -> Enrollment:
    return Enrollment.objects.create(
        student=student, course=course, enrolled_on=date(2026, 9, 1), **fields
    )


def make_session(course: Course, **fields: Any) -> ClassSession:
    """A scheduled session; `starts_at` defaults to the fixed clock of the tests.

    Unplanned unless asked for: most tests want sessions side by side that a timetable refuses.
    """
    starts_at = fields.pop("starts_at", datetime(2026, 9, 14, 8, 0, tzinfo=UTC))
    return ClassSession.objects.create(
        course=course,
        faculty=fields.pop("faculty", course.faculty),
        classroom=fields.pop("classroom", course.classroom),
        starts_at=starts_at,
        ends_at=fields.pop("ends_at", starts_at + timedelta(minutes=90)),
        is_planned=fields.pop("is_planned", False),
        **fields,
    )


@dataclass(kw_only=True)
class Cast:
    """The people of one campus that every test knows."""

    campus: Campus
    host: str
    admin: User
    operator: User
    principal: User
    lecturer: Faculty
    outsider: Faculty
    representative: Student
    student: Student
    classmate: Student
    stranger: Student
    classroom: Classroom
    course: Course
    other_course: Course


def make_cast(slug: str) -> Cast:
    """`representative`, `student` and `classmate` attend `course`; `stranger` does not."""
    campus = make_campus(slug)
    with campus_scope(campus):
        lecturer = make_faculty("LECT", slug=slug)
        outsider = make_faculty("OUTS", slug=slug)
        classroom = make_classroom()
        course = make_course(faculty=lecturer, classroom=classroom)
        cast = Cast(
            campus=campus,
            host=f"{slug}.example",
            admin=make_user(f"admin@{slug}.example", Role.ADMIN, name="Admin"),
            operator=make_user(f"operator@{slug}.example", Role.OPERATOR, name="Operator"),
            principal=make_user(f"principal@{slug}.example", Role.PRINCIPAL, name="Principal"),
            lecturer=lecturer,
            outsider=outsider,
            representative=make_student("REPR", slug=slug, is_representative=True),
            student=make_student("STUD", slug=slug),
            classmate=make_student("MATE", slug=slug),
            stranger=make_student("STRA", slug=slug),
            classroom=classroom,
            course=course,
            other_course=make_course(faculty=outsider, code="CS305-A"),
        )
        for student in (cast.representative, cast.student, cast.classmate):
            enroll(student, course)
    return cast
