"""From a question to a table: title, notes and rows of one report."""

from collections.abc import Callable, Sequence
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
from apps.reports.tables import Column, ReportTable, Row

BATCH: Final = 1000
NAMED: Final = {
    "section": Section,
    "department": Department,
    "lecturer": Faculty,
    "term": Term,
}


def report_named(name: str) -> ReportDefinition:
    return REPORTS[name]


def table_of(
    asked: Asked, report: ReportDefinition, *, report_progress: Callable[[int, int], None]
) -> ReportTable:
    """The whole report, read in batches; `report_progress(done, total)` is called after each."""
    found = report.rows(asked)
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
        notes=notes,
        columns=columns,
        rows=rows,
        zone=asked.zone,
        right_to_left=get_language_bidi(),
        printed_at=asked.now,
    )


def asked_for(asked: Asked, report: ReportDefinition) -> list[str]:
    """The filters in words, one line each; names only of what the reader may see."""
    lines = []
    if report.name == "signing-sheet":
        return _sheet_lines(asked)
    filters = asked.filters
    if filters.course is not None:
        lines.append(f"{_('Course')}: {course_seen(viewer=asked.viewer, course_id=filters.course)}")
    for name, model in NAMED.items():
        value = getattr(filters, name)
        found = model._default_manager.filter(pk=value).first() if value else None
        if found is not None:
            lines.append(f"{model._meta.verbose_name}: {found}")
    if asked.has_days:
        lines.append(f"{filters.first or '…'} – {filters.last or '…'}")
    if filters.threshold is not None:
        lines.append(f"{_('Limit (%)')}: {filters.threshold}")
    return lines


def _sheet_lines(asked: Asked) -> list[str]:
    sheet = sheet_of(asked)
    lines = [f"{sheet.course} · {sheet.course.faculty}"]
    if sheet.session is None:
        return [*lines, _("Date: __________________  Topic: ______________________________")]
    starts_at = local(sheet.session.starts_at, asked.zone)
    place = sheet.session.classroom or ""
    return [*lines, f"{starts_at:%Y-%m-%d %H:%M} · {place} · {sheet.session.topic}"]
