"""Subjects, courses (who teaches what to whom), enrolments, marks."""

from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.common.errors import Invalid
from apps.enrollments.models import Term
from apps.enrollments.services import (
    courses_import,
    enrollments_import,
    enrollments_with_wrong_days,
    marks_import,
    section_enrollments_sync,
    subjects_import,
)
from apps.imports.types.base import Batch, Kind, Outcome
from apps.imports.types.fields import (
    DEPARTMENT,
    SECTION,
    YEAR,
    Field,
    choice,
    code,
    day,
    integer,
    words,
)
from apps.imports.types.sections import kept_notes
from apps.imports.types.staging import WORK, on_stage, put_back, resolve, staged_ids, take_out
from apps.tenants.bulk import rows_of, run
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
SUBJECT: Final = Field(
    name="subject",
    label=gettext_lazy("Subject code"),
    parse=code(20),
    headings=("subject", "subjectcode", "code"),
    required=True,
    example="CS201",
)
TEACHER: Final = Field(
    name="faculty",
    label=gettext_lazy("Faculty number"),
    parse=code(50),
    headings=("faculty id", "faculty", "employee id", "teacher id", "lecturer id"),
    required=True,
    example="F017",
)
COURSE: Final = Field(
    name="course",
    label=gettext_lazy("Course code"),
    parse=code(40),
    headings=("course", "class code", "class"),
    example="CS201-CSE-2A",
)


def term_of(batch: Batch) -> Term:
    """The named term, else the running one, else the next. Raises `Invalid` without any."""
    chosen = batch.options.get("term")
    if chosen:
        term = Term.objects.filter(pk=chosen).first()
    else:
        today = campus_day(now=batch.now)
        term = Term.objects.filter(ends_on__gte=today).order_by("starts_on").first()
    if term is None:
        raise Invalid("no_term", _("There is no running or coming term. Make one first."))
    return term


def _source(batch: Batch) -> str:
    return str(batch.options.get("source", ""))


def unknown(numbers: list[int], name: str, what: Any) -> list[tuple[int, str, str]]:
    """Problems for rows that name something that the campus does not have (or has closed)."""
    reason = _("No active %(what)s has this code.") % {"what": what}
    return [(n, name, reason) for n in numbers]


# --- Subjects ------------------------------------------------------------------------------------


def _apply_subjects(batch: Batch) -> Outcome:
    outcome = Outcome()
    columns = {
        "code": "text",
        "name": "text",
        "mnemonic": "text",
        "kind": "text",
        "credits": "smallint",
        **WORK,
    }
    with on_stage(batch.rows, {column: column for column in columns}, columns):
        counts = subjects_import(
            present=batch.present, source=_source(batch), now=batch.now, actor=batch.actor
        )
    outcome.count(counts)
    return outcome


SUBJECTS: Final = Kind(
    name="subjects",
    label=gettext_lazy("Subjects"),
    fields=(
        Field(
            name="code",
            label=gettext_lazy("Code"),
            parse=code(20),
            headings=("subject code", "id"),
            required=True,
            example="CS201",
        ),
        Field(
            name="name",
            label=gettext_lazy("Name"),
            parse=words(200),
            headings=("subject name", "title", "subject"),
            required=True,
            example="Algorithms",
        ),
        Field(
            name="mnemonic",
            label=gettext_lazy("Mnemonic"),
            parse=words(100),
            headings=("short name", "abbreviation"),
            example="ALGO",
        ),
        Field(
            name="kind",
            label=gettext_lazy("Type"),
            parse=choice(theory=("lecture", "t"), lab=("laboratory", "practical", "l")),
            headings=("type", "subject type", "kind"),
            example="Theory",
            note=gettext_lazy("Theory or Lab."),
        ),
        Field(
            name="credits",
            label=gettext_lazy("Credits"),
            parse=integer(0, 60),
            headings=("credit",),
            example="3",
        ),
    ),
    key=("code",),
    apply=_apply_subjects,
    needs=("enrollments.add_subject", "enrollments.change_subject"),
)

# --- Courses -------------------------------------------------------------------------------------

_FIND_SECTIONS: Final = """
    UPDATE import_stage s SET section_id = x.id
    FROM enrollments_section x
    JOIN enrollments_department d ON d.campus_id = x.campus_id AND d.id = x.department_id
    WHERE x.campus_id = %s AND lower(d.code) = lower(s.department) AND x.year = s.year
        AND upper(x.name) = upper(s.section)
"""
_LOST_SECTIONS: Final = """
    SELECT n FROM import_stage
    WHERE section_id IS NULL AND (department IS NOT NULL OR year IS NOT NULL OR section IS NOT NULL)
"""
_NAME_COURSES: Final = """
    UPDATE import_stage s
    SET code = left(concat_ws('-', s.subject, s.department, s.year || upper(s.section))
        || CASE WHEN w.nth > 1 OR s.section IS NULL THEN '-' || s.faculty ELSE '' END, 40)
    FROM (
        SELECT n, row_number() OVER (
            PARTITION BY lower(subject), lower(department), year, upper(section) ORDER BY n
        ) AS nth
        FROM import_stage
    ) AS w
    WHERE w.n = s.n AND s.code IS NULL
"""


def _apply_courses(batch: Batch) -> Outcome:
    outcome = Outcome()
    term = term_of(batch)
    filled = {
        "code": "course",
        **{n: n for n in ("subject", "faculty", "department", "year", "section", "places")},
    }
    columns = {
        "code": "text",
        "subject": "text",
        "faculty": "text",
        "department": "text",
        "year": "smallint",
        "section": "text",
        "places": "integer",
        "subject_id": "bigint",
        "faculty_id": "bigint",
        "section_id": "bigint",
        "classroom_id": "bigint",
        **WORK,
    }
    with on_stage(batch.rows, filled, columns):
        found = _course_problems()
        put_back(outcome, ASSIGNMENTS, batch.rows, found)
        take_out([n for n, _name, _reason in found])
        run(_NAME_COURSES)
        counts = courses_import(term=term, source=_source(batch), now=batch.now, actor=batch.actor)
        courses = staged_ids()
    outcome.count(counts)
    synced = section_enrollments_sync(
        courses=courses, today=campus_day(now=batch.now), now=batch.now, actor=batch.actor
    )
    note = _("Term %(term)s; courses of the sections: %(in)d enrolled, %(out)d dropped.")
    outcome.notes.append(note % {"term": term, "in": synced.enrolled, "out": synced.dropped})
    outcome.notes += kept_notes(synced)
    return outcome


def _course_problems() -> list[tuple[int, str, str]]:
    subjects = resolve("subject_id", table="enrollments_subject", by="code", code="subject")
    teachers = resolve("faculty_id", table="accounts_faculty", by="code", code="faculty")
    run(_FIND_SECTIONS, [current_campus_id()])
    lost = [n for (n,) in rows_of(_LOST_SECTIONS)]
    no_section = _("There is no such section. Import its students first, or make it.")
    return [
        *unknown(subjects, "subject", _("subject")),
        *unknown(teachers, "faculty", _("faculty member")),
        *((n, "section", no_section) for n in lost),
    ]


ASSIGNMENTS: Final = Kind(
    name="assignments",
    label=gettext_lazy("Faculty assignments (courses)"),
    fields=(
        TEACHER,
        SUBJECT,
        DEPARTMENT,
        YEAR,
        SECTION,
        COURSE,
        Field(
            name="places",
            label=gettext_lazy("Places"),
            parse=integer(1, 100_000),
            headings=("capacity", "max students"),
            example="60",
        ),
    ),
    key=("faculty", "subject", "department", "year", "section", "course"),
    apply=_apply_courses,
    needs=("enrollments.add_course", "enrollments.change_course"),
    options=("term", "department", "year", "section"),
)

# --- Enrolments and marks ------------------------------------------------------------------------

_FIND_COURSES: Final = """
    UPDATE import_stage s SET course_id = c.id FROM enrollments_course c
    WHERE c.campus_id = %s AND c.term_id = %s AND lower(c.code) = lower(s.course) AND c.is_active
"""


def _apply_enrollments(batch: Batch) -> Outcome:
    outcome = Outcome()
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
    with on_stage(batch.rows, {column: column for column in columns}, columns):
        students = resolve("student_id", table="accounts_student", by="code", code="student")
        run(_FIND_COURSES, [current_campus_id(), term.pk])
        courses = [n for (n,) in rows_of("SELECT n FROM import_stage WHERE course_id IS NULL")]
        found = unknown(students, "student", _("student"))
        found += unknown(courses, "course", _("course of term %(term)s") % {"term": term})
        put_back(outcome, ENROLLMENTS, batch.rows, found)
        take_out([n for n, _name, _reason in found])
        today = campus_day(now=batch.now)
        reason = _("Ends before it begins, or begins in an earlier stay.")
        wrong = [(n, "enrolled_on", reason) for n in enrollments_with_wrong_days(today=today)]
        put_back(outcome, ENROLLMENTS, batch.rows, wrong)
        take_out([n for n, _name, _reason in wrong])
        counts = enrollments_import(
            today=today,
            source=_source(batch),
            now=batch.now,
            actor=batch.actor,
        )
    outcome.count(counts)
    return outcome


ENROLLMENTS: Final = Kind(
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
            headings=("joined on", "begin date", "start date", "from"),
            example="2026-09-01",
            note=gettext_lazy("Left out: the day of the import."),
        ),
        Field(
            name="ended_on",
            label=gettext_lazy("Left on"),
            parse=day,
            headings=("dropped on", "end date", "until"),
            note=gettext_lazy("From this day on not in the course."),
        ),
    ),
    key=("student", "course"),
    apply=_apply_enrollments,
    needs=("enrollments.add_enrollment", "enrollments.change_enrollment"),
    options=("term",),
)


def _apply_marks(batch: Batch) -> Outcome:
    outcome = Outcome()
    columns = {
        "student": "text",
        "subject": "text",
        "marks": "integer",
        "grade": "text",
        "given_on": "date",
        "student_id": "bigint",
        "subject_id": "bigint",
        **WORK,
    }
    with on_stage(batch.rows, {column: column for column in columns}, columns):
        students = resolve("student_id", table="accounts_student", by="code", code="student")
        subjects = resolve("subject_id", table="enrollments_subject", by="code", code="subject")
        found = unknown(students, "student", _("student"))
        found += unknown(subjects, "subject", _("subject"))
        put_back(outcome, MARKS, batch.rows, found)
        take_out([n for n, _name, _reason in found])
        counts = marks_import(source=_source(batch), now=batch.now, actor=batch.actor)
    outcome.count(counts)
    return outcome


MARKS: Final = Kind(
    name="marks",
    label=gettext_lazy("Marks"),
    fields=(
        STUDENT,
        SUBJECT,
        Field(
            name="marks",
            label=gettext_lazy("Marks"),
            parse=integer(0, 10_000),
            headings=("score", "points"),
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
            headings=("given on", "exam date"),
            required=True,
            example="2026-12-01",
        ),
    ),
    key=("student", "subject", "given_on"),
    apply=_apply_marks,
    needs=("enrollments.add_mark", "enrollments.change_mark"),
)
