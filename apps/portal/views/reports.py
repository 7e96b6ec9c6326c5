"""Reports on a page: the same rows as the API's, with links to the files."""

from typing import Any, Final

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from apps.accounts.api.permissions import request_viewer
from apps.common.errors import Forbidden
from apps.portal.pages import portal_page
from apps.portal.report_forms import ReportForm, report_named
from apps.reports.asked import Asked
from apps.reports.catalogue import REPORTS, Report
from apps.reports.exports import FORMATS
from apps.reports.tables import Kind, Row, Table
from apps.reports.writing import table_with
from apps.tenants.middleware import request_campus

ROWS_A_PAGE: Final = 50
NUMBERS: Final = (Kind.WHOLE, Kind.DECIMAL)


@require_GET
@portal_page
def reports(request: HttpRequest) -> HttpResponse:
    """One report: what is asked, a page of its rows, and the files."""
    viewer = request_viewer(request)
    if not viewer.teaches:
        raise Forbidden("role_required", _("Your role does not allow this."))
    report = report_named(request.GET.get("report"))
    form = ReportForm(request.GET, report=report, viewer=viewer)
    context: dict[str, Any] = {"reports": REPORTS.values(), "report": report, "form": form}
    if form.is_valid():
        asked = Asked(
            viewer=viewer,
            now=timezone.now(),
            zone=request_campus(request).zone,
            filters=form.filters(),
        )
        context |= _answer(request, report, asked)
    return render(request, "portal/reports.html", context)


def _answer(request: HttpRequest, report: Report, asked: Asked) -> dict[str, Any]:
    found: Any = report.rows(asked)
    page = Paginator(found, ROWS_A_PAGE).get_page(request.GET.get("page"))
    rows: list[Row] = list(page.object_list)
    table = table_with(asked, report, rows)
    return {
        "table": table,
        "headings": [(column.label, column.kind in NUMBERS) for column in table.shown],
        "lines": [_line(table, row) for row in rows],
        "page_obj": page,
        "files": FORMATS,
        "address": reverse(f"api-report-{report.name}"),
        "query": _query(request),
    }


def _line(table: Table, row: Row) -> list[tuple[str, bool]]:
    """Each cell's text, and whether it is a number."""
    return [(table.text(column, row), column.kind in NUMBERS) for column in table.shown]


def _query(request: HttpRequest) -> str:
    """What was asked, for the links to the files; empty fields are left out."""
    asked = request.GET.copy()
    for name in [name for name, value in asked.items() if not value or name in ("report", "page")]:
        del asked[name]
    return asked.urlencode()
