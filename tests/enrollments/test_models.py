"""Study: one model for the shapes of all five earlier systems, and the rules it keeps."""

from datetime import date

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from apps.enrollments.models import Course, Enrollment, Grade, Placement, Section, Subject, Term
from apps.sessions.models import ClassSession
from tests.factories import Cast, enroll, make_course, make_session, make_term

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("year", ["2026-2028", "2026-2026", "2026/2027", "26-27", "abcd-efgh"])
def test_an_academic_year_is_two_years_that_follow(in_campus: Cast, year: str) -> None:
    with pytest.raises(ValidationError):
        Term(
            name="Spring",
            academic_year=year,
            starts_on=date(2027, 2, 1),
            ends_on=date(2027, 6, 30),
        ).full_clean()


def test_the_database_itself_refuses_years_that_do_not_follow(in_campus: Cast) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        make_term(name="Spring", academic_year="2026-2028")


def test_a_term_ends_after_it_starts(in_campus: Cast) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        make_term(name="Spring", starts_on=date(2027, 1, 1), ends_on=date(2027, 1, 1))


def test_a_course_has_sixty_places_and_three_credits_by_default(in_campus: Cast) -> None:
    in_campus.course.refresh_from_db()
    assert in_campus.course.max_students == 60
    assert in_campus.course.subject.credits == 3


def test_a_subject_is_theory_or_lab(in_campus: Cast) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Subject.objects.create(code="X1", name="X", kind="seminar")
    with pytest.raises(IntegrityError), transaction.atomic():
        Subject.objects.create(code="cs201", name="same code in small letters")


def test_the_same_assignment_is_refused_twice(in_campus: Cast) -> None:
    course = in_campus.course
    with pytest.raises(IntegrityError), transaction.atomic():
        Course.objects.create(
            code="ANOTHER",
            term=course.term,
            subject=course.subject,
            faculty=course.faculty,
            section=course.section,
        )


def test_a_student_is_enrolled_once_per_course(in_campus: Cast) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        enroll(in_campus.student, in_campus.course)


def test_an_enrolment_is_enrolled_dropped_or_completed(in_campus: Cast) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Enrollment.objects.update(status="asleep")


def test_dropping_keeps_past_records(in_campus: Cast) -> None:
    make_session(in_campus.course)
    in_campus.student.enrollments.update(status=Enrollment.Status.DROPPED)
    assert ClassSession.objects.count() == 1
    with pytest.raises(ProtectedError):
        in_campus.course.delete()


def test_people_with_history_cannot_be_deleted(in_campus: Cast) -> None:
    make_session(in_campus.course)
    with pytest.raises(ProtectedError):
        in_campus.lecturer.delete()
    with pytest.raises(ProtectedError):
        in_campus.student.delete()


def test_a_student_is_in_one_section_at_a_time(in_campus: Cast) -> None:
    section = in_campus.course.section
    assert section is not None
    Placement.objects.create(student=in_campus.student, section=section)
    other = Section.objects.create(department=section.department, year=2, name="B")
    with pytest.raises(IntegrityError), transaction.atomic():
        Placement.objects.create(student=in_campus.student, section=other)


def test_a_grade_has_two_characters_at_most(in_campus: Cast) -> None:
    grade = Grade(
        student=in_campus.student,
        subject=in_campus.course.subject,
        points=87,
        grade="A+",
        given_on=date(2027, 1, 15),
    )
    grade.full_clean()
    grade.save()
    grade.grade = "A++"
    with pytest.raises(ValidationError):
        grade.full_clean()
    with pytest.raises(IntegrityError), transaction.atomic():
        Grade.objects.update(points=-1)


def test_the_same_course_code_may_return_next_term(in_campus: Cast) -> None:
    spring = make_term(name="Spring", starts_on=date(2027, 2, 1), ends_on=date(2027, 6, 30))
    assert make_course(faculty=in_campus.lecturer, term=spring, code="CS201-A").pk


def test_names_hold_every_script(in_campus: Cast) -> None:
    in_campus.student.first_name, in_campus.student.last_name = "Zoë 你好", "😀"
    in_campus.student.save()
    in_campus.student.refresh_from_db()
    assert in_campus.student.full_name == "Zoë 你好 😀"
