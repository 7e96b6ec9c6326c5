"""OneRoster 1.2 CSV bundles: terms, departments, subjects, people, courses, enrolments.

The format: IMS Global, “OneRoster 1.2 CSV Binding”. Users of 1.1, which carry their role
themselves, are read too. Ids of the bundle (`sourcedId`) join its files; on the campus, people and
things are known by their own codes, so that a bundle meets what is there already. Rows of status
`known` were taken earlier (`apps/oneroster`): others refer to them, they themselves change nothing.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db.models.functions import Lower
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.models import Faculty, Student
from apps.accounts.services.roster import people_close
from apps.common.moments import FIRST_DAY, LAST_DAY
from apps.enrollments.models import Department, Enrollment, Term
from apps.enrollments.services import SectionSync
from apps.enrollments.wording import term_is_archived
from apps.imports.types.base import ImportBatch, ImportResult, ImportType
from apps.imports.types.courses import ASSIGNMENTS, SUBJECTS
from apps.imports.types.enrollments import ENROLLMENTS
from apps.imports.types.people import FACULTY, STUDENTS
from apps.imports.types.sections import kept_notes
from apps.tabular_files.dates import day
from apps.tabular_files.fields import Wrong, integer, words
from apps.tabular_files.rows import drop_repeated, read_records
from apps.tabular_files.tables import ParsedRow, problem

FILES: Final = (
    *("orgs", "academicSessions", "courses", "classes", "users", "roles", "enrollments"),
)
TERM_TYPES: Final = ("term", "semester")
GONE: Final = "tobedeleted"
KNOWN: Final = "known"
Record = dict[str, str]
_PARTS: Final = (SUBJECTS, FACULTY, STUDENTS, ASSIGNMENTS, ENROLLMENTS)


@dataclass
class _Bundle:
    """The rows of each file, by file name without ending, those that are gone apart, and the
    result so far."""

    batch: ImportBatch
    result: ImportResult
    files: dict[str, list[ParsedRow]] = field(default_factory=lambda: defaultdict(list))
    gone: dict[str, list[ParsedRow]] = field(default_factory=lambda: defaultdict(list))
    terms: dict[str, Term] = field(default_factory=dict)

    def by_id(self, name: str) -> dict[str, ParsedRow]:
        return {_id(row): row for row in self.files[name]}

    def ever(self, name: str) -> dict[str, ParsedRow]:
        """Also those that are gone: a row that is gone itself may refer to them."""
        return {_id(row): row for row in self.gone[name]} | self.by_id(name)

    def told(self, name: str) -> list[ParsedRow]:
        """Those that say something new."""
        return [row for row in self.files[name] if _status(row) != KNOWN]

    def wrong(self, row: ParsedRow, reason: str, column: str = "") -> None:
        value = row.values.get(column, "")
        self.result.problems.append(problem(row, reason, column=column, value=value))


def _apply(batch: ImportBatch) -> ImportResult:
    bundle = _Bundle(batch, ImportResult())
    for row in batch.rows:
        (bundle.gone if _status(row) == GONE else bundle.files)[row.sheet].append(row)
    _terms(bundle)
    _departments(bundle)
    _hand_on(bundle, SUBJECTS, [(row, _subject(row)) for row in bundle.told("courses")])
    roles = _roles(bundle)
    for import_type, role in ((FACULTY, "teacher"), (STUDENTS, "student")):
        people = [row for row in bundle.told("users") if role in roles[_id(row)]]
        _hand_on(bundle, import_type, [(row, _person(row)) for row in people])
    _courses(bundle)
    _enrollments(bundle)
    _leavers(bundle, roles)
    _keep(bundle)
    return bundle.result


def _id(row: ParsedRow) -> str:
    return str(row.values.get("sourcedId", ""))


def _status(row: ParsedRow) -> str:
    return str(row.values.get("status", "")).casefold()


def _hand_on(
    bundle: _Bundle,
    import_type: ImportType,
    records: list[tuple[ParsedRow, Record]],
    **options: Any,
) -> None:
    """Read the cells as the other type reads those of a sheet, and let it save them.

    The rows are of one file of the bundle.
    """
    if not records:
        return
    reading = read_records(
        ((row.number, record) for row, record in records), import_type, name=records[0][0].sheet
    )
    drop_repeated(reading, import_type)
    bundle.result.problems += reading.problems
    batch = bundle.batch
    import_type.refuse(batch.writer, reading.present)
    done = import_type.apply(
        ImportBatch(
            rows=reading.rows,
            present=reading.present,
            options={**batch.options, **options, "replace": False},
            now=batch.now,
            actor=batch.actor,
            writer=batch.writer,
            report_progress=batch.report_progress,
        )
    )
    result = bundle.result
    result.count(done)
    result.problems += done.problems
    result.invited += done.invited
    result.notes += [note for note in done.notes if note not in result.notes]


def _terms(bundle: _Bundle) -> None:
    """Academic sessions of type term or semester; school years only where there are none."""
    rows = bundle.files["academicSessions"]
    chosen = [row for row in rows if row.values.get("type", "").casefold() in TERM_TYPES]
    for row in chosen or rows:
        try:
            starts, ends = day(row.values.get("startDate", "")), day(row.values.get("endDate", ""))
        except Wrong as error:
            bundle.wrong(row, str(error), "startDate")
            continue
        if ends <= starts:
            bundle.wrong(row, _("Ends before it starts."), "endDate")
            continue
        try:
            bundle.terms[_id(row)] = _term(row, starts, ends, bundle)
        except Wrong as error:
            bundle.wrong(row, str(error), "title")


def _term(row: ParsedRow, starts: date, ends: date, bundle: _Bundle) -> Term:
    """Raises `Wrong` for a term that cannot be, or must not be changed."""
    last = _school_year(row, starts)
    name = words(100)(row.values.get("title", "") or _id(row))[:20].strip()
    term = Term(name=name, academic_year=f"{last - 1}-{last}", starts_on=starts, ends_on=ends)
    known = Term.objects.filter(name=name, academic_year=term.academic_year).first()
    if known is None:
        _check(term)
        term.save()
        bundle.result.new += 1
        return term
    if (known.starts_on, known.ends_on) == (starts, ends) or _status(row) == KNOWN:
        bundle.result.unchanged += 1
        return known
    if known in bundle.terms.values():
        raise Wrong(_("An earlier row says something else about a term of this name."))
    if known.archived_at is not None:
        raise Wrong(str(term_is_archived().message))
    known.starts_on, known.ends_on = starts, ends
    known.save(update_fields=["starts_on", "ends_on", "updated_at"])
    bundle.result.changed += 1
    return known


def _school_year(row: ParsedRow, starts: date) -> int:
    """The year in which the school year ends."""
    given = row.values.get("schoolYear", "")
    year = integer(FIRST_DAY.year, LAST_DAY.year)(given) if given else 0
    return int(year) or starts.year + (starts.month >= 7)


def _check(row: Term | Department) -> None:
    """Raises `Wrong` for what a form would refuse."""
    try:
        row.full_clean(exclude=["campus"])
    except ValidationError as error:
        raise Wrong(" ".join(error.messages)) from error


def _departments(bundle: _Bundle) -> None:
    for row in bundle.files["orgs"]:
        if row.values.get("type", "").casefold() != "department":
            continue
        try:
            made = _department(row)
        except Wrong as error:
            bundle.wrong(row, str(error), "name")
            continue
        bundle.result.new += made
        bundle.result.unchanged += not made


def _department(row: ParsedRow) -> bool:
    """Whether it was made. Raises `Wrong`."""
    named = words(200)(row.values.get("name", "") or row.values.get("identifier") or _id(row))
    code = words(200)(row.values.get("identifier") or named).replace(" ", "-")[:50]
    if Department.objects.filter(code__iexact=code).exists():
        return False
    department = Department(code=code, name=named[:100].strip())
    _check(department)
    department.save()
    return True


def _subject(row: ParsedRow) -> Record:
    code = row.values.get("courseCode") or _id(row)
    return {"code": code, "name": row.values.get("title", "") or code}


def _roles(bundle: _Bundle) -> dict[str, set[str]]:
    """User id → roles, from roles.csv (1.2) or from the users themselves (1.1)."""
    found: dict[str, set[str]] = defaultdict(set)
    for row in bundle.files["roles"]:
        found[row.values.get("userSourcedId", "")].add(row.values.get("role", "").casefold())
    for row in (*bundle.files["users"], *bundle.gone["users"]):
        if row.values.get("role"):
            found[_id(row)].add(row.values["role"].casefold())
    return found


def _code(row: ParsedRow) -> str:
    """The number that the campus knows somebody by."""
    return str(row.values.get("identifier") or row.values.get("username") or _id(row))


def _person(row: ParsedRow) -> Record:
    """Passwords in a bundle are never read."""
    return {
        "code": _code(row),
        "first_name": row.values.get("givenName", ""),
        "last_name": row.values.get("familyName", ""),
        "email": row.values.get("email", ""),
    }


def _courses(bundle: _Bundle) -> None:
    """Classes, each with its (primary) teacher; term by term."""
    users, subjects = bundle.by_id("users"), bundle.by_id("courses")
    teachers = _teachers(bundle)
    by_term: dict[str, list[tuple[ParsedRow, Record]]] = defaultdict(list)
    for row in bundle.told("classes"):
        subject = subjects.get(row.values.get("courseSourcedId", ""))
        teacher = users.get(teachers.get(_id(row), ""))
        term = _term_of(row, bundle)
        if subject is None:
            bundle.wrong(row, _("Its course is not in courses.csv."), "courseSourcedId")
        elif teacher is None:
            bundle.wrong(row, _("No teacher in enrollments.csv."))
        elif not term:
            bundle.wrong(row, _("Its term is not in academicSessions.csv."), "termSourcedIds")
        else:
            record = {
                "course": _class_code(row),
                "subject": _subject(subject)["code"],
                "faculty": _code(teacher),
            }
            by_term[term].append((row, record))
    for term, records in by_term.items():
        _hand_on(bundle, ASSIGNMENTS, records, term=bundle.terms[term].pk)


def _teachers(bundle: _Bundle) -> dict[str, str]:
    """Class id → user id of its teacher; the primary one where there are several."""
    found: dict[str, str] = {}
    for row in bundle.files["enrollments"]:
        if row.values.get("role", "").casefold() != "teacher":
            continue
        class_id, user_id = (
            row.values.get("classSourcedId", ""),
            row.values.get("userSourcedId", ""),
        )
        if row.values.get("primary", "").casefold() == "true":
            found[class_id] = user_id
        else:
            found.setdefault(class_id, user_id)
    return found


def _term_of(row: ParsedRow, bundle: _Bundle) -> str:
    named = row.values.get("termSourcedIds", "").split(",")
    return next((name.strip() for name in named if name.strip() in bundle.terms), "")


def _class_code(row: ParsedRow) -> str:
    return str(row.values.get("classCode") or _id(row)).replace(" ", "-")


def _enrollments(bundle: _Bundle) -> None:
    by_term: dict[str, list[tuple[ParsedRow, Record]]] = defaultdict(list)
    for rows, users, classes, status in (
        (bundle.told("enrollments"), bundle.by_id("users"), bundle.by_id("classes"), "enrolled"),
        (bundle.gone["enrollments"], bundle.ever("users"), bundle.ever("classes"), "dropped"),
    ):
        for row in rows:
            if row.values.get("role", "").casefold() != "student":
                continue
            course = classes.get(row.values.get("classSourcedId", ""))
            person = users.get(row.values.get("userSourcedId", ""))
            if course is None or person is None:
                bundle.wrong(row, _("Its class or its user is not in the bundle."))
                continue
            record = {"student": _code(person), "course": _class_code(course), "status": status}
            by_term[_term_of(course, bundle)].append((row, record))
    for term, records in by_term.items():
        if term:
            records.sort(key=lambda pair: pair[0].number)
            _hand_on(bundle, ENROLLMENTS, records, term=bundle.terms[term].pk)


def _leavers(bundle: _Bundle, roles: dict[str, set[str]]) -> None:
    """People who are gone there rest here, unless somebody else in the bundle has their number."""
    here = {_code(row).casefold() for row in bundle.files["users"]}
    gone = {_code(row).casefold(): row for row in bundle.gone["users"]}
    for model, role in ((Faculty, "teacher"), (Student, "student")):
        codes = {code for code, row in gone.items() if role in roles[_id(row)]} - here
        people: Any = model._default_manager.filter(is_active=True).annotate(key=Lower("code"))
        found = list(people.filter(key__in=codes).select_related("user").order_by("code"))
        if not bundle.batch.writer.may(model._meta.label_lower, "is_active", adding=False):
            for person in found:
                reason = _("Your role does not allow deactivating people.")
                bundle.wrong(gone[person.code.casefold()], reason)
            continue
        bundle.result.removed_names += [f"{person.code} {person}" for person in found[:500]]
        batch = bundle.batch
        bundle.result.removed += people_close(found, now=batch.now, actor=batch.actor)


def _keep(bundle: _Bundle) -> None:
    """Say which students are out of a class here by hand, though the bundle still has them in."""
    users, classes = bundle.by_id("users"), bundle.by_id("classes")
    pairs: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for row in bundle.files["enrollments"]:
        course = classes.get(row.values.get("classSourcedId", ""))
        person = users.get(row.values.get("userSourcedId", ""))
        is_student = row.values.get("role", "").casefold() == "student"
        if is_student and _status(row) == KNOWN and course is not None and person is not None:
            pair = (_code(person).casefold(), _class_code(course).casefold())
            pairs[_term_of(course, bundle)].add(pair)
    kept = []
    for term, known in pairs.items():
        out = Enrollment.objects.filter(
            course__term=bundle.terms.get(term), status=Enrollment.Status.DROPPED
        )
        for student, code in out.values_list("student__code", "course__code"):
            if (student.casefold(), code.casefold()) in known:
                kept.append((student, code, "dropped"))
    bundle.result.notes += kept_notes(SectionSync(kept=sorted(kept)))


ONEROSTER: Final = ImportType(
    name="oneroster",
    label=gettext_lazy("OneRoster 1.2 bundle (zip of CSV files)"),
    fields=(),
    key=(),
    apply=_apply,
    bundle=True,
    needs=(
        *("enrollments.add_term", "enrollments.change_term", "enrollments.add_department"),
        *(perm for part in _PARTS for perm in part.needs),
    ),
)
