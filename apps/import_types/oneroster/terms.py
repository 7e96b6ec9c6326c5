"""Terms and departments of a bundle, and in which terms a class is held."""

from collections.abc import Mapping
from datetime import date
from typing import Final

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from apps.common.moments import FIRST_DAY, LAST_DAY
from apps.enrollments.models import Department, Term
from apps.enrollments.wording import term_is_archived
from apps.import_types.oneroster.bundle import KNOWN, Bundle, cell, id_of, names_in, status_of
from apps.tabular_files.dates import day
from apps.tabular_files.fields import Wrong, integer, words
from apps.tabular_files.tables import ParsedRow

TERM_TYPES: Final = ("term", "semester")


def terms_save(bundle: Bundle) -> None:
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
            bundle.terms[id_of(row)] = _term(row, starts, ends, bundle)
        except Wrong as error:
            bundle.wrong(row, str(error), "title")


def terms_of(row: ParsedRow, bundle: Bundle) -> list[str]:
    """The terms of a class, by id: of a school year all of its, of a grading period its own."""
    sessions = bundle.by_id("academicSessions")
    found: list[str] = []
    for named in names_in(row, "termSourcedIds"):
        here = [named] if named in bundle.terms else _within(named, bundle, sessions)
        found += here or _around(named, bundle, sessions)
    return list(dict.fromkeys(found))


def _within(named: str, bundle: Bundle, sessions: Mapping[str, ParsedRow]) -> list[str]:
    return [term for term in bundle.terms if term != named and named in _above(term, sessions)]


def _around(named: str, bundle: Bundle, sessions: Mapping[str, ParsedRow]) -> list[str]:
    return [one for one in _above(named, sessions) if one in bundle.terms][:1]


def _above(named: str, sessions: Mapping[str, ParsedRow]) -> list[str]:
    """The sessions that this one is a part of, the nearest first."""
    found: list[str] = []
    while named in sessions and named not in found:
        found.append(named)
        named = cell(sessions[named], "parentSourcedId")
    return [*found[1:], named] if found else []


def _term(row: ParsedRow, starts: date, ends: date, bundle: Bundle) -> Term:
    """Raises `Wrong` for a term that cannot be, or must not be changed."""
    last = _school_year(row, starts)
    name = words(100)(row.values.get("title", "") or id_of(row))[:20].strip()
    term = Term(name=name, academic_year=f"{last - 1}-{last}", starts_on=starts, ends_on=ends)
    known = Term.objects.filter(name=name, academic_year=term.academic_year).first()
    if known is None:
        _check(term)
        term.save()
        bundle.result.new += 1
        return term
    if (known.starts_on, known.ends_on) == (starts, ends) or status_of(row) == KNOWN:
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


def departments_save(bundle: Bundle) -> None:
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
    named = words(200)(row.values.get("name", "") or row.values.get("identifier") or id_of(row))
    code = words(200)(row.values.get("identifier") or named).replace(" ", "-")[:50]
    if Department.objects.filter(code__iexact=code).exists():
        return False
    department = Department(code=code, name=named[:100].strip())
    _check(department)
    department.save()
    return True
