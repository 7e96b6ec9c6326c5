"""Enrolments and grades."""

from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.models import Student
from apps.common.rows import table_name
from apps.enrollments.models import Course, Subject
from apps.enrollments.services import (
    enrollments_import,
    enrollments_with_wrong_days,
    grades_import,
)
from apps.import_types.base import Codes, ImportBatch, ImportResult, ImportType
from apps.import_types.courses import SUBJECT, source_of, term_of
from apps.import_types.staging import discard_rows, resolve, staged_rows, unknown_codes
from apps.tabular_files.dates import day, days
from apps.tabular_files.fields import Field, choice, code, integer, words
from apps.tenants.bulk import WORK
from apps.tenants.scope import current_campus_id
from apps.tenants.selectors import campus_day

STUDENT: Final = Field(
    name="student",
    label=gettext_lazy("Student number"),
    parse=code(50),
    headings=("student id", "id", "roll no", "student code"),
    required=True,
    example="N210595",
)

_FIND_COURSES: Final = f"""
    UPDATE {{stage}} s SET course_id = c.id FROM {table_name(Course)} c
    WHERE c.campus_id = %s AND c.term_id = %s AND lower(c.code) = lower(s.course) AND c.is_active
"""  # noqa: S608  (names of our models)


def _apply_enrollments(batch: ImportBatch) -> ImportResult:
    result = ImportResult()
    term = term_of(batch)
    columns = {
        "student": "text",
        "course": "text",
        "status": "text",
        "final_grade": "text",
        "enrolled_on": "date",
        "ended_on": "date",
        "student_id": "bigint",
        "course_id": "bigint",
        **WORK,
    }
    with staged_rows(batch.rows, columns) as stage:
        students = resolve(stage, "student_id", model=Student, by="code", code="student")
        stage.execute(_FIND_COURSES, [current_campus_id(), term.pk])
        courses = stage.numbers("SELECT n FROM {stage} WHERE course_id IS NULL")
        found = unknown_codes(students, "student", _("student"))
        found += unknown_codes(courses, "course", _("course of term %(term)s") % {"term": term})
        discard_rows(stage, result, ENROLLMENTS, batch.rows, found)
        today = campus_day(now=batch.now)
        reason = _("Ends before it begins, or begins in an earlier stay.")
        wrong = [
            (n, "enrolled_on", reason) for n in enrollments_with_wrong_days(stage, today=today)
        ]
        discard_rows(stage, result, ENROLLMENTS, batch.rows, wrong)
        counts = enrollments_import(
            stage,
            today=today,
            source=source_of(batch),
            now=batch.now,
            actor=batch.actor,
        )
    result.count(counts)
    return result


ENROLLMENTS: Final = ImportType(
    name="enrollments",
    label=gettext_lazy("Enrolments"),
    fields=(
        STUDENT,
        Field(
            name="course",
            label=gettext_lazy("Course code"),
            parse=code(40),
            headings=("course", "class code", "class"),
            required=True,
            example="CS201-CSE-2A",
        ),
        Field(
            name="status",
            label=gettext_lazy("Status"),
            parse=choice(enrolled=("active",), dropped=("withdrawn",), completed=("passed",)),
            example="enrolled",
            note=gettext_lazy("enrolled, dropped or completed."),
        ),
        Field(
            name="final_grade",
            label=gettext_lazy("Final grade"),
            parse=words(5),
            headings=("grade",),
        ),
        Field(
            name="enrolled_on",
            label=gettext_lazy("Enrolled on"),
            parse=day,
            column=days,
            headings=("joined on", "begin date", "start date", "from"),
            example="2026-09-01",
            note=gettext_lazy("Left out: the day of the import."),
        ),
        Field(
            name="ended_on",
            label=gettext_lazy("Left on"),
            parse=day,
            column=days,
            headings=("dropped on", "end date", "until"),
            note=gettext_lazy("From this day on not in the course."),
        ),
    ),
    key=("student", "course"),
    apply=_apply_enrollments,
    codes=(Codes("student", Student), Codes("course", Course)),
    needs=("enrollments.add_enrollment", "enrollments.change_enrollment"),
    options=("term",),
)


def _apply_grades(batch: ImportBatch) -> ImportResult:
    result = ImportResult()
    columns = {
        "student": "text",
        "subject": "text",
        "points": "integer",
        "grade": "text",
        "given_on": "date",
        "student_id": "bigint",
        "subject_id": "bigint",
        **WORK,
    }
    with staged_rows(batch.rows, columns) as stage:
        students = resolve(stage, "student_id", model=Student, by="code", code="student")
        subjects = resolve(stage, "subject_id", model=Subject, by="code", code="subject")
        found = unknown_codes(students, "student", _("student"))
        found += unknown_codes(subjects, "subject", _("subject"))
        discard_rows(stage, result, GRADES, batch.rows, found)
        counts = grades_import(stage, source=source_of(batch), now=batch.now, actor=batch.actor)
    result.count(counts)
    return result


GRADES: Final = ImportType(
    name="grades",
    label=gettext_lazy("Grades"),
    fields=(
        STUDENT,
        SUBJECT,
        Field(
            name="points",
            label=gettext_lazy("Points"),
            parse=integer(0, 10_000),
            headings=("marks", "score"),
            required=True,
            example="72",
        ),
        Field(
            name="grade",
            label=gettext_lazy("Grade"),
            parse=words(2),
            required=True,
            example="A",
        ),
        Field(
            name="given_on",
            label=gettext_lazy("Date"),
            parse=day,
            column=days,
            headings=("given on", "exam date"),
            required=True,
            example="2026-12-01",
        ),
    ),
    key=("student", "subject", "given_on"),
    apply=_apply_grades,
    codes=(Codes("student", Student), Codes("subject", Subject)),
    needs=("enrollments.add_grade", "enrollments.change_grade"),
)
