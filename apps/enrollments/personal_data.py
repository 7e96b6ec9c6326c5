"""What is kept of a person's studies."""

from typing import Final

from django.db.models import Q

from apps.enrollments.models import (
    Course,
    Department,
    Enrollment,
    EnrollmentPeriod,
    Grade,
    Placement,
    Section,
    SourcedId,
    Subject,
    Term,
)
from apps.privacy.registry import (
    NOBODY,
    KnownPerson,
    PersonRows,
    add_impersonal,
    add_person_rows,
    of_faculty,
    of_student,
)

SUMS: Final = "sums of courses and terms count it; it names nobody once the student is erased"


def _periods(person: KnownPerson) -> Q:
    return Q(enrollment__student_id=person.student_id) if person.student_id else NOBODY


def _ids(person: KnownPerson) -> Q:
    found = Q(student_id=person.student_id) if person.student_id else NOBODY
    return found | Q(faculty_id=person.faculty_id) if person.faculty_id else found


def register() -> None:
    add_person_rows(
        PersonRows(model=Course, rows=of_faculty(), because="students' marks hang on it"),
        PersonRows(model=Placement, rows=of_student(), because=SUMS),
        PersonRows(model=Enrollment, rows=of_student(), because=SUMS),
        PersonRows(model=EnrollmentPeriod, rows=_periods, because=SUMS),
        PersonRows(model=Grade, rows=of_student(), because=SUMS),
        PersonRows(model=SourcedId, rows=_ids, deleted=True),
    )
    add_impersonal("the structure of the campus", Department, Section, Subject, Term)
