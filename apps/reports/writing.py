"""From a question to a table: title, notes and rows of one report."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Final

from django.utils.translation import get_language_bidi
from django.utils.translation import gettext as _

from apps.accounts.models import Faculty
from apps.common.moments import local
from apps.enrollments.models import Department, Section, Term
from apps.enrollments.selectors import course_seen
from apps.reports.asked import Asked
from apps.reports.catalogue import REPORTS, ReportDefinition
from apps.reports.selectors.registers import sheet_of
from apps.reports.tables import Column, PagedRows, ReportTable, Row
from apps.tenants.models import Campus
from apps.tenants.replica import on_replica
from apps.tenants.scope import current_campus_id

BATCH: Final = 1000
NAMED: Final = {
    "section": Section,
    "department": Department,
    "lecturer": Faculty,
    "term": Term,
}


class ReadRows:
    """A report's rows, read from the replica if there is one. Paginators count and slice it."""

    ordered = True

    def __init__(self, report: ReportDefinition, asked: Asked) -> None:
        self._report, self._asked = report, asked

    @cached_property
    def _rows(self) -> PagedRows:
        return self._report.rows(self._asked)

    def count(self) -> int:
        return on_replica(lambda: self._rows.count())

    def __len__(self) -> int:
        return self.count()

    def __getitem__(self, part: slice) -> list[Row]:
        return on_replica(lambda: self._rows[part])


def report_named(name: str) -> ReportDefinition:
    return REPORTS[name]


def table_of(
    asked: Asked, report: ReportDefinition, *, report_progress: Callable[[int, int], None]
) -> ReportTable:
    """The whole report, read in batches; `report_progress(done, total)` is called after each."""
    found = ReadRows(report, asked)
    total = found.count()
    rows: list[Row] = []
    for start in range(0, total, BATCH):
        rows += found[start : start + BATCH]
        report_progress(len(rows), total)
    return table_with(asked, report, rows)


def table_with(asked: Asked, report: ReportDefinition, rows: list[Row]) -> ReportTable:
    group = asked.filters.group_by or next(iter(report.groups), "")
    return made_table(
        asked,
        name=report.name,
        title=str(report.title),
        columns=[column for column in report.columns if group not in column.idle_for],
        rows=rows,
        notes=[*asked_for(asked, report), *map(str, report.notes)],
    )


def made_table(
    asked: Asked,
    *,
    name: str,
    title: str,
    columns: Sequence[Column],
    rows: list[Row],
    notes: list[str],
) -> ReportTable:
    return ReportTable(
        name=name,
        title=title,
        campus=Campus.objects.values_list("name", flat=True).get(pk=current_campus_id()),
        notes=notes,
        columns=columns,
        rows=rows,
        zone=asked.zone,
        right_to_left=get_language_bidi(),
        printed_at=asked.now,
    )


def asked_for(asked: Asked, report: ReportDefinition) -> list[str]:
    """The filters in words, one line each, and the days that are meant; names only of what the
    reader may see."""
    lines = []
    if report.name == "signing-sheet":
        return _sheet_lines(asked)
    filters = asked.filters
    term = None
    if filters.course is not None:
        course = course_seen(viewer=asked.viewer, course_id=filters.course)
        lines.append(f"{_('Course')}: {course}")
        term = course.term
        if filters.term is None:
            lines.append(f"{_('Term')}: {term}")
    for name, model in NAMED.items():
        value = getattr(filters, name)
        found = model._default_manager.filter(pk=value).first() if value else None
        if found is not None:
            lines.append(f"{model._meta.verbose_name}: {found}")
    if filters.term is not None:
        term = Term.objects.filter(pk=filters.term).first()
    lines.append(f"{_('Period')}: {_period(asked, term)}")
    if filters.threshold is not None:
        lines.append(f"{_('Limit (%)')}: {filters.threshold}")
    return lines


def _period(asked: Asked, term: Term | None) -> str:
    """The days that were asked for, else those of the term, until today."""
    first = asked.filters.first or (term.starts_on if term else None)
    last = asked.filters.last or min(asked.today, term.ends_on if term else asked.today)
    return f"{first or '…'} – {last}"


def _sheet_lines(asked: Asked) -> list[str]:
    sheet = sheet_of(asked)
    lines = [f"{sheet.course} · {sheet.course.faculty}"]
    if sheet.session is None:
        return [*lines, _("Date: __________________  Topic: ______________________________")]
    starts_at = local(sheet.session.starts_at, asked.zone)
    place = sheet.session.classroom or ""
    return [*lines, f"{starts_at:%Y-%m-%d %H:%M} · {place} · {sheet.session.topic}"]
