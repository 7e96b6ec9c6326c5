"""Subjects and courses (who teaches what to whom)."""

from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.models import Faculty
from apps.common.errors import Invalid
from apps.common.rows import table_name
from apps.enrollments.models import Department, Section, Subject, Term
from apps.enrollments.services import courses_import, section_enrollments_sync, subjects_import
from apps.import_types.base import Codes, ImportBatch, ImportResult, ImportType
from apps.import_types.fields import DEPARTMENT, SECTION, YEAR
from apps.import_types.sections import kept_notes
from apps.import_types.staging import discard_rows, resolve, staged_rows, unknown_codes
from apps.tabular_files.fields import Field, choice, code, integer, words
from apps.tenants.bulk import WORK, Stage, StagedProblem
from apps.tenants.scope import current_campus_id
from apps.tenants.selectors import campus_day

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


def term_of(batch: ImportBatch) -> Term:
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


def source_of(batch: ImportBatch) -> str:
    return str(batch.options.get("source", ""))


# --- Subjects ------------------------------------------------------------------------------------


def _apply_subjects(batch: ImportBatch) -> ImportResult:
    result = ImportResult()
    columns = {
        "code": "text",
        "name": "text",
        "mnemonic": "text",
        "kind": "text",
        "credits": "smallint",
        **WORK,
    }
    with staged_rows(batch.rows, columns) as stage:
        counts = subjects_import(
            stage, present=batch.present, source=source_of(batch), now=batch.now, actor=batch.actor
        )
    result.count(counts)
    return result


SUBJECTS: Final = ImportType(
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
    codes=(Codes("code", Subject, makes=True),),
    needs=("enrollments.add_subject", "enrollments.change_subject"),
)

# --- Courses -------------------------------------------------------------------------------------

_FIND_SECTIONS: Final = f"""
    UPDATE {{stage}} s SET section_id = x.id
    FROM {table_name(Section)} x
    JOIN {table_name(Department)} d ON d.campus_id = x.campus_id AND d.id = x.department_id
    WHERE x.campus_id = %s AND lower(d.code) = lower(s.department) AND x.year = s.year
        AND upper(x.name) = upper(s.section)
"""  # noqa: S608  (names of our models)
_LOST_SECTIONS: Final = """
    SELECT n FROM {stage}
    WHERE section_id IS NULL AND (department IS NOT NULL OR year IS NOT NULL OR section IS NOT NULL)
"""
_NAME_COURSES: Final = """
    UPDATE {stage} s
    SET code = left(concat_ws('-', s.subject, s.department, s.year || upper(s.section))
        || CASE WHEN w.nth > 1 OR s.section IS NULL THEN '-' || s.faculty ELSE '' END, 40)
    FROM (
        SELECT n, row_number() OVER (
            PARTITION BY lower(subject), lower(department), year, upper(section) ORDER BY n
        ) AS nth
        FROM {stage}
    ) AS w
    WHERE w.n = s.n AND s.code IS NULL
"""


def _apply_courses(batch: ImportBatch) -> ImportResult:
    result = ImportResult()
    term = term_of(batch)
    fields = {"code": "course"}
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
    with staged_rows(batch.rows, columns, fields=fields) as stage:
        found = _course_problems(stage)
        discard_rows(stage, result, ASSIGNMENTS, batch.rows, found)
        stage.execute(_NAME_COURSES)
        counts = courses_import(
            stage, term=term, source=source_of(batch), now=batch.now, actor=batch.actor
        )
        courses = stage.numbers("SELECT id FROM {stage}")
    result.count(counts)
    synced = section_enrollments_sync(
        courses=courses, today=campus_day(now=batch.now), now=batch.now, actor=batch.actor
    )
    note = _("Term %(term)s; courses of the sections: %(in)d enrolled, %(out)d dropped.")
    result.notes.append(note % {"term": term, "in": synced.enrolled, "out": synced.dropped})
    result.notes += kept_notes(synced)
    return result


def _course_problems(stage: Stage) -> list[StagedProblem]:
    subjects = resolve(stage, "subject_id", model=Subject, by="code", code="subject")
    teachers = resolve(stage, "faculty_id", model=Faculty, by="code", code="faculty")
    stage.execute(_FIND_SECTIONS, [current_campus_id()])
    lost = stage.numbers(_LOST_SECTIONS)
    no_section = _("There is no such section. Import its students first, or make it.")
    return [
        *unknown_codes(subjects, "subject", _("subject")),
        *unknown_codes(teachers, "faculty", _("faculty member")),
        *((n, "section", no_section) for n in lost),
    ]


ASSIGNMENTS: Final = ImportType(
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
    codes=(Codes("faculty", Faculty), Codes("subject", Subject), Codes("department", Department)),
    needs=("enrollments.add_course", "enrollments.change_course"),
    options=("term", "department", "year", "section"),
)
