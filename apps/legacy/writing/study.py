"""Terms, subjects and courses for registers of systems that had none of their own."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from django.utils.translation import gettext as _

from apps.accounts.models import Faculty
from apps.audit.services import log_event
from apps.common.errors import Invalid
from apps.enrollments.models import Course, Section, Subject, Term
from apps.enrollments.services import courses_import
from apps.import_types.registry import IMPORT_TYPES
from apps.legacy.writing.run import Run
from apps.reconciliation.report import TableReport
from apps.tenants.bulk import WORK, stage_open

FIRST_MONTH: Final = 7  # of a school year, as for OneRoster bundles
TERM_NAME: Final = "Old register"


@dataclass(frozen=True, kw_only=True)
class CourseWanted:
    """A course that registers are brought for."""

    code: str
    subject_id: int
    faculty_id: int
    section_id: int | None = None
    classroom_id: int | None = None
    places: int | None = None


def year_of(day: date) -> str:
    """ "2026-2027" for every day from July 2026 to June 2027."""
    first = day.year - (day.month < FIRST_MONTH)
    return f"{first}-{first + 1}"


def terms_for(
    run: Run, days: Collection[date], *, name: str = TERM_NAME, goes_on: bool = False
) -> dict[str, Term]:
    """School year → the term that holds its days, made or widened where it has to be.

    One that `goes_on` has today's school year to its end, so that classes can be held in it. With
    a term chosen for the move, all years are in it; raises `Invalid` for days outside.
    """
    by_year: dict[str, list[date]] = {}
    for day in days:
        by_year.setdefault(year_of(day), []).append(day)
    if run.term is not None:
        term = run.term
        if days and not (term.starts_on <= min(days) and max(days) <= term.ends_on):
            message = _("Registers from %(first)s to %(last)s are not all in term %(term)s.")
            values = {"first": min(days), "last": max(days), "term": term}
            raise Invalid("outside_term", message % values)
        return dict.fromkeys([*by_year, year_of(run.now.astimezone(run.zone).date())], term)
    today = run.now.astimezone(run.zone).date()
    if goes_on:
        first = int(year_of(today)[:4])
        by_year.setdefault(year_of(today), [today]).append(date(first + 1, FIRST_MONTH - 1, 30))
    return {
        year: term_provide(run, name=name, year=year, first=min(held), last=max(held))
        for year, held in sorted(by_year.items())
    }


def term_provide(run: Run, *, name: str, year: str, first: date, last: date) -> Term:
    """The term of this name and year, with room for these days."""
    last = max(last, first + timedelta(days=1))
    term, made = Term.objects.get_or_create(
        name=name[:20],
        academic_year=year,
        defaults={"starts_on": first, "ends_on": last},
    )
    starts, ends = min(first, term.starts_on), max(last, term.ends_on)
    if made or (starts, ends) != (term.starts_on, term.ends_on):
        term.starts_on, term.ends_on = starts, ends
        term.save(update_fields=["starts_on", "ends_on", "updated_at"])
        data = {"source": run.source}
        action = "enrollments.term.imported"
        log_event(actor=run.actor, action=action, now=run.now, target=term, data=data)
    return term


def keeper_provide(run: Run) -> Faculty:
    """Whom courses name that no lecturer is known of: an inactive entry without a sign-in."""
    code = f"{run.system.upper()}-REGISTER"
    keeper, made = Faculty.objects.get_or_create(
        code=code,
        defaults={
            "first_name": TERM_NAME,
            "last_name": f"({run.system.upper()})",
            "email": f"{code.lower()}@register.invalid",
            "is_active": False,
        },
    )
    if made:
        data = {"source": run.source}
        action = "accounts.faculty.imported"
        log_event(actor=run.actor, action=action, now=run.now, target=keeper, data=data)
    return keeper


def subjects_provide(run: Run, wanted: Iterable[tuple[str, str]]) -> dict[str, int]:
    """Code → id of subjects, given as (code, name); those of the campus keep their names."""
    names = dict(wanted)
    known = set(Subject.objects.filter(code__in=names).values_list("code", flat=True))
    missing = {code: name for code, name in names.items() if code not in known}
    records = [(n, {"code": code, "name": name}) for n, (code, name) in enumerate(missing.items())]
    run.hand_on(None, IMPORT_TYPES["subjects"], records)
    found = Subject.objects.filter(code__in=names)
    return dict(found.values_list("code", "pk"))


def courses_provide(
    run: Run,
    term: Term,
    wanted: Collection[CourseWanted],
    *,
    table: TableReport | None = None,
) -> dict[str, Course]:
    """Code → course of the term; the same again changes nothing. A `table` gets the counts."""
    names = ("code", "subject_id", "faculty_id", "section_id", "classroom_id", "places")
    columns = {
        **dict.fromkeys(names, "bigint"),
        "code": "text",
        "places": "integer",
        **WORK,
    }
    rows = [(n, *(getattr(row, name) for name in names)) for n, row in enumerate(wanted)]
    with stage_open(columns, names, rows) as stage:
        counts = courses_import(stage, term=term, source=run.source, now=run.now, actor=run.actor)
        ids = dict(stage.rows("SELECT code, id FROM {stage}"))
    if table:
        table.count(counts)
    courses = Course.objects.in_bulk(list(ids.values()))
    return {code: courses[pk] for code, pk in ids.items()}


def sections_by_name() -> dict[tuple[str, int, str], int]:
    """(department's code, year, section), all upper case → id."""
    found = Section.objects.values_list("department__code", "year", "name", "pk")
    return {(code.upper(), year, name.upper()): pk for code, year, name, pk in found}


def enroll_in(run: Run, term: Term, wanted: Iterable[tuple[str, str, date]], *, last: date) -> None:
    """(student's number, course's code, first day) of a term. Of one that is over by now the
    students completed the course on the day after `last`."""
    over = term.ends_on < run.now.astimezone(run.zone).date()
    ending = (last + timedelta(days=1)).isoformat()
    records = []
    for number, (student, course, first) in enumerate(wanted):
        record = {"student": student, "course": course, "enrolled_on": first.isoformat()}
        if over:
            record |= {"status": "completed", "ended_on": ending}
        records.append((number, record))
    run.hand_on(None, IMPORT_TYPES["enrollments"], records, term=term.pk)
