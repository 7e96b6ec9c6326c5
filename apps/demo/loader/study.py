"""Terms, groups, subjects, courses and who attends them."""

from collections import Counter
from datetime import date, timedelta
from typing import Any, Final

from apps.accounts.models import Faculty, Student
from apps.classrooms.models import Classroom
from apps.demo.loader.data import DemoData
from apps.enrollments.models import (
    Course,
    Department,
    Enrollment,
    Placement,
    Section,
    Subject,
    Term,
)

AUTUMN: Final = range(8, 13)  # months in which the academic year begins


def term_ensure(*, on: date, made: Counter[str] | None = None) -> Term:
    """The half-year around that day: autumn from August to January, spring until July."""
    first = on.year if on.month in AUTUMN else on.year - 1
    in_autumn = on.month in AUTUMN or on.month == 1
    starts, ends = (
        (date(first, 8, 1), date(first + 1, 1, 31))
        if in_autumn
        else (date(first + 1, 2, 1), date(first + 1, 7, 31))
    )
    term, created = Term.objects.get_or_create(
        name="Autumn" if in_autumn else "Spring",
        academic_year=f"{first}-{first + 1}",
        defaults={"starts_on": starts, "ends_on": ends},
    )
    if made is not None:
        made["terms"] += created
    return term


def sections_ensure(*, facts: dict[str, Any], made: Counter[str]) -> dict[str, Section]:
    """The sections by their code in the file, with their departments."""
    departments = {}
    for row in facts["departments"]:
        departments[row["code"]], created = Department.objects.get_or_create(
            code=row["code"], defaults={"name": row["name"]}
        )
        made["departments"] += created
    sections = {}
    for row in facts["sections"]:
        sections[row["code"]], created = Section.objects.get_or_create(
            department=departments[row["department"]], year=row["year"], name=row["name"]
        )
        made["sections"] += created
    return sections


def subjects_ensure(*, facts: dict[str, Any], made: Counter[str]) -> dict[str, Subject]:
    subjects = {}
    for row in facts["subjects"]:
        defaults = {name: row[name] for name in ("mnemonic", "name", "kind", "credits")}
        subjects[row["code"]], created = Subject.objects.get_or_create(
            code=row["code"], defaults=defaults
        )
        made["subjects"] += created
    return subjects


def courses_ensure(
    *,
    facts: dict[str, Any],
    term: Term,
    faculty: dict[str, Faculty],
    sections: dict[str, Section],
    rooms: dict[str, Classroom],
    made: Counter[str],
) -> dict[str, Course]:
    """The term's courses by code. One that several sections attend belongs to none of them."""
    subjects = subjects_ensure(facts=facts, made=made)
    courses = {}
    for row in facts["courses"]:
        of = row["sections"]
        courses[row["code"]], created = Course.objects.get_or_create(
            code=row["code"],
            term=term,
            defaults={
                "subject": subjects[row["subject"]],
                "faculty": faculty[row["faculty"]],
                "section": sections[of[0]] if len(of) == 1 else None,
                "classroom": rooms[row["room"]],
                "max_students": rooms[row["room"]].capacity,
            },
        )
        made["courses"] += created
    return courses


def groups_ensure(
    *,
    data: DemoData,
    students: dict[str, Student],
    sections: dict[str, Section],
    courses: dict[str, Course],
    term: Term,
    made: Counter[str],
) -> None:
    """Place every student in their section and enrol them in its courses."""
    attended = {row["code"]: row["sections"] for row in data.campus["courses"]}
    # In a term's first week the demo's past sessions lie before it.
    since = term.starts_on - timedelta(days=max(data.campus["past_days"]))
    for row in data.students:
        student = students[row["code"]]
        _placement, created = Placement.objects.get_or_create(
            student=student, section=sections[row["section"]]
        )
        made["placements"] += created
        for code, course in courses.items():
            if row["section"] in attended[code]:
                _enrollment, created = Enrollment.objects.get_or_create(
                    student=student, course=course, defaults={"enrolled_on": since}
                )
                made["enrolments"] += created
