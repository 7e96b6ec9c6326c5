"""A report as text, as JSON and as a page."""

import json
from collections.abc import Iterator
from pathlib import PurePath
from typing import Final

from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from apps.reconciliation.report import COUNTS, Comparison, Report, TableReport

SHOWN: Final = 20  # differences that the text names; JSON has all


def report_text(report: Report) -> str:
    lines = [_("%(system)s to campus %(campus)s") % vars(report), ""]
    for table in report.tables:
        lines += _table_lines(table)
    for comparison in report.comparisons:
        lines += _comparison_lines(comparison)
    lines += [*report.notes, ""]
    if report.unexplained:
        lines.append(_("%d differences are unexplained: nothing was saved.") % report.unexplained)
    elif report.saved:
        lines.append(_("Every row is accounted for. Saved."))
    else:
        lines.append(_("Every row is accounted for. A dry run: nothing was saved. Add --commit."))
    return "\n".join(lines)


def _table_lines(table: TableReport) -> Iterator[str]:
    counts = ", ".join(f"{getattr(table, name)} {name}" for name in COUNTS)
    yield f"{table.name}: {counts}, {table.left_out.total()} left out"
    for reason, rows in table.reasons:
        first = ", ".join(table.samples.get(reason, ()))
        yield f"  {rows} left out: {reason}" + (f" [{first}]" if first else "")
    for column, why in table.columns.items():
        yield f"  column {column}: {why}"
    for note in table.notes:
        yield f"  {note}"
    if table.unexplained:
        yield f"  {table.unexplained} UNEXPLAINED"


def _comparison_lines(comparison: Comparison) -> Iterator[str]:
    yield f"{comparison.name}: {comparison.equal} of {comparison.compared} equal"
    for pair in comparison.differing[:SHOWN]:
        why = pair.reason or "UNEXPLAINED"
        yield f"  {pair.name}: {pair.before} → {pair.after} ({why})"
    if len(comparison.differing) > SHOWN:
        yield f"  … and {len(comparison.differing) - SHOWN} more"


def report_as(report: Report, path: PurePath) -> str:
    """What belongs into a file of this name: .json, .html, else text."""
    ending = path.suffix.lower()
    if ending == ".json":
        return json.dumps(report.as_json(), indent=2, ensure_ascii=False) + "\n"
    if ending in (".html", ".htm"):
        return render_to_string("reconciliation/report.html", {"report": report})
    return report_text(report) + "\n"
