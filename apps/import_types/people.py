"""Students and faculty."""

from collections.abc import Sequence
from typing import Any, Final

from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts import writes
from apps.accounts.models import Faculty, Person, Student
from apps.accounts.services.roster import columns_of, people_close, people_import, people_match
from apps.common.errors import Forbidden
from apps.common.rows import table_name
from apps.enrollments.models import Department, Section
from apps.enrollments.services import placements_import, section_enrollments_sync
from apps.import_types.base import Codes, ImportBatch, ImportResult, ImportType
from apps.import_types.fields import DEPARTMENT, SECTION, YEAR
from apps.import_types.sections import kept_notes
from apps.import_types.staging import discard_rows, report_problems, staged_rows
from apps.tabular_files.fields import Field, code, email, integer, phone, words, yes_no
from apps.tabular_files.person_names import whole_names
from apps.tenants.bulk import Stage
from apps.tenants.scope import current_campus_id
from apps.tenants.selectors import campus_day

_LOST_SECTIONS: Final = f"""
    SELECT s.n FROM {{stage}} s
    WHERE s.department IS NOT NULL AND s.section IS NOT NULL AND s.year_of_study IS NOT NULL
        AND NOT EXISTS (
            SELECT FROM {table_name(Section)} x
            JOIN {table_name(Department)} d ON d.campus_id = x.campus_id AND d.id = x.department_id
            WHERE x.campus_id = %(campus)s AND lower(d.code) = lower(s.department)
                AND x.year = s.year_of_study AND upper(x.name) = upper(s.section)
        )
"""  # noqa: S608  (names of our models)
EMAIL: Final = Field(
    name="email",
    label=gettext_lazy("E-mail"),
    parse=email,
    headings=("email", "mail", "email address", "e-mail id", "email id"),
    example="n210595@example.edu",
    note=gettext_lazy("Left out: number@domain of the campus."),
)
PHONE: Final = Field(
    name="phone",
    label=gettext_lazy("Phone"),
    parse=phone,
    headings=("mobile", "telephone", "phone number", "contact"),
    example="+4915112345678",
    note=gettext_lazy("With country code."),
)


def names(number: tuple[str, ...], name: tuple[str, ...]) -> tuple[Field, ...]:
    """The number's column and the name's, in one or in two, with their other spellings."""
    return (
        Field(
            name="code",
            label=gettext_lazy("Number"),
            parse=code(50),
            headings=("id", "code", *number),
            required=True,
            example="N210595",
        ),
        Field(
            name="first_name",
            label=gettext_lazy("Name"),
            parse=words(100),
            column=whole_names,
            headings=("full name", "first name", "given name", *name),
            example="Amara Nwosu",
            note=gettext_lazy("The whole name, or the first name beside a column “Last name”."),
        ),
        Field(
            name="last_name",
            label=gettext_lazy("Last name"),
            parse=words(100),
            headings=("surname", "family name"),
        ),
        EMAIL,
        PHONE,
    )


def _apply_students(batch: ImportBatch) -> ImportResult:
    result = ImportResult()
    placing = {"department": "text", "section": "text", "section_id": "bigint"}
    columns = {**columns_of(Student), **placing}
    with staged_rows(batch.rows, columns, fields={"year_of_study": "year"}) as stage:
        _known_sections_only(stage, batch, result)
        _import(stage, Student, STUDENTS, batch, result)
        _placed, made = placements_import(stage, now=batch.now, actor=batch.actor)
        if made:
            result.notes.append(_("Also made: %(names)s.") % {"names": ", ".join(made[:20])})
        placed = stage.numbers("SELECT id FROM {stage} WHERE section_id IS NOT NULL")
        _replace(Student, batch, result)
    synced = section_enrollments_sync(
        students=placed, today=campus_day(now=batch.now), now=batch.now, actor=batch.actor
    )
    if synced.enrolled or synced.dropped:
        note = _("Courses of the sections: %(in)d enrolled, %(out)d dropped.")
        result.notes.append(note % {"in": synced.enrolled, "out": synced.dropped})
    result.notes += kept_notes(synced)
    return result


def _known_sections_only(stage: Stage, batch: ImportBatch, result: ImportResult) -> None:
    """A section that is not there yet is made if the importer may make one by hand as well."""
    if all(batch.writer.has(f"enrollments.add_{name}") for name in ("department", "section")):
        return
    reason = _("There is no such section, and your role does not allow making one.")
    lost = stage.numbers(_LOST_SECTIONS, {"campus": current_campus_id()})
    found = [(n, "section", reason) for n in lost]
    discard_rows(stage, result, STUDENTS, batch.rows, found)


def _apply_faculty(batch: ImportBatch) -> ImportResult:
    result = ImportResult()
    columns = columns_of(Faculty)
    with staged_rows(batch.rows, columns) as stage:
        _import(stage, Faculty, FACULTY, batch, result)
        _replace(Faculty, batch, result)
    return result


def _import(
    stage: Stage,
    model: type[Person],
    import_type: ImportType,
    batch: ImportBatch,
    result: ImportResult,
) -> None:
    present = set(batch.present)
    if "year" in present or batch.options.get("year"):
        present.add("year_of_study")
    found = people_match(stage, model, present=present, writer=batch.writer)
    report_problems(result, import_type, batch.rows, found)
    counts, invited = people_import(
        stage,
        model,
        present=present,
        source=str(batch.options.get("source", "")),
        writer=batch.writer,
        now=batch.now,
        actor=batch.actor,
    )
    result.count(counts)
    result.invited += invited


def _replace(model: type[Person], batch: ImportBatch, result: ImportResult) -> None:
    """Deactivate who is missing from the file, when that was asked for and every row was right.

    A row that could not be read may be the very person who seems to be missing.
    """
    if not batch.options.get("replace"):
        return
    if result.problems or batch.options.get("wrong_rows"):
        result.notes.append(_("Nobody is deactivated while rows are wrong. Correct them first."))
        return
    if not batch.writer.may(model._meta.label_lower, "is_active", adding=False):
        message = _("Your role does not allow deactivating people.")
        raise Forbidden("field_not_allowed", message)
    missing = _missing(model, batch)
    result.removed_names = [f"{person.code} {person}" for person in missing[:500]]
    result.removed = people_close(missing, now=batch.now, actor=batch.actor)


def _missing(model: type[Person], batch: ImportBatch) -> Sequence[Any]:
    """Active people of the file's scope (a department, a year, a section) who are not in it."""
    scope = Q()
    if model is Student:
        placement = "placements__section"
        for option, path in (
            ("department", "department__code__iexact"),
            ("year", "year"),
            ("section", "name__iexact"),
        ):
            if batch.options.get(option):
                scope &= Q(**{f"{placement}__{path}": batch.options[option]})
        if scope:
            scope &= Q(placements__is_current=True)
    codes = [str(row.values["code"]).lower() for row in batch.rows]
    people = model._default_manager.filter(scope, is_active=True).annotate(key=Lower("code"))
    return list(people.exclude(key__in=codes).select_related("user").order_by("code"))


STUDENTS: Final = ImportType(
    name="students",
    label=gettext_lazy("Students"),
    fields=(
        *names(
            ("student id", "roll no", "student number", "roll number", "admission no"),
            ("student name",),
        ),
        DEPARTMENT,
        YEAR,
        SECTION,
        Field(
            name="program",
            label=gettext_lazy("Programme"),
            parse=words(100),
            headings=("program", "degree"),
            example="B.Sc. Computer Science",
        ),
        Field(name="age", label=gettext_lazy("Age"), parse=integer(0, 130), example="19"),
        Field(
            name="is_representative",
            label=gettext_lazy("Class representative"),
            parse=yes_no,
            headings=("cr", "representative", "is cr"),
            example="no",
        ),
        Field(
            name="representative_mobile",
            label=gettext_lazy("Mobile as representative"),
            parse=phone,
            headings=("cr mobile",),
        ),
    ),
    key=("code",),
    apply=_apply_students,
    can_replace=True,
    needs=(
        "accounts.add_student",
        "accounts.change_student",
        "enrollments.add_placement",
        "enrollments.change_placement",
    ),
    person=writes.STUDENT,
    codes=(Codes("code", Student, makes=True), Codes("department", Department, makes=True)),
    # "": of the placement, which `needs` has asked for
    columns=(("year", "year_of_study"), ("department", ""), ("section", "")),
    options=("department", "year", "section"),
)

FACULTY: Final = ImportType(
    name="faculty",
    label=gettext_lazy("Faculty"),
    fields=(
        *names(
            ("faculty id", "employee id", "staff id", "faculty number"),
            ("faculty name", "teacher", "lecturer"),
        ),
        Field(
            name="department",
            label=gettext_lazy("Department"),
            parse=words(100),
            headings=("dept", "branch"),
            example="CSE",
        ),
    ),
    key=("code",),
    apply=_apply_faculty,
    can_replace=True,
    needs=("accounts.add_faculty", "accounts.change_faculty"),
    person=writes.FACULTY,
    codes=(Codes("code", Faculty, makes=True),),
)
