"""Reports on a page: the same rows as the API's, with the files; long ones are written apart."""

import json
from typing import Any, Final

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.models import Role
from apps.accounts.requests import has_role, request_staff_viewer, request_user
from apps.audit.actors import request_actor
from apps.common.errors import Forbidden, Invalid
from apps.common.fields import row_number
from apps.jobs.models import Job
from apps.portal.office.forms import ReportForm, report_named
from apps.portal.office.links import links_of
from apps.portal.shared.pages import portal_page
from apps.reports.asked import Asked, Filters
from apps.reports.catalogue import REPORTS, ReportDefinition
from apps.reports.exports import FORMATS, LONGEST_FILE
from apps.reports.selectors.attendance import weeks_shown
from apps.reports.selectors.students import (
    record_rows,
    student_records,
    student_report,
    student_seen,
)
from apps.reports.services import archive_start, export_start, exports_of, terms_to_archive
from apps.reports.tables import Column, ColumnType, ReportTable, Row
from apps.reports.writing import ReadRows, table_with
from apps.tenants.middleware import request_campus

ROWS_A_PAGE: Final = 50
EXPORTS_SHOWN: Final = 5
NOT_ASKED: Final = ("report", "page", "format", "csrfmiddlewaretoken")
UNFINISHED: Final = (Job.Status.QUEUED, Job.Status.RUNNING)
UNBROKEN: Final = 16  # widest column of codes and times
NUMBERS: Final = (ColumnType.WHOLE, ColumnType.DECIMAL)


@require_GET
@portal_page
def reports(request: HttpRequest) -> HttpResponse:
    """One report: what is asked, a page of its rows, and the files."""
    viewer = request_staff_viewer(request)
    report = report_named(request.GET.get("report"))
    form = ReportForm(request.GET, report=report, viewer=viewer)
    context: dict[str, Any] = {
        "reports": REPORTS.values(),
        "report": report,
        "form": form,
        **_exports(request),
        "terms": terms_to_archive(now=timezone.now()) if has_role(request, Role.ADMIN) else (),
    }
    if form.is_valid():
        asked = Asked(
            viewer=viewer,
            now=timezone.now(),
            zone=request_campus(request).zone,
            filters=form.filters(),
        )
        context |= _answer(request, report, asked)
    return render(request, "portal/office/reports.html", context)


@require_GET
@portal_page
def chart(request: HttpRequest) -> HttpResponse:
    """Attendance by week of what was asked, as a part of the report's page: figures and chart."""
    viewer = request_staff_viewer(request)
    form = ReportForm(request.GET, report=REPORTS["attendance"], viewer=viewer)
    if not form.is_valid():
        raise Invalid("unknown_report", _("Choose the report and its filters again."))
    asked = Asked(
        viewer=viewer,
        now=timezone.now(),
        zone=request_campus(request).zone,
        filters=form.filters(),
    )
    weeks = weeks_shown(asked)
    figures = [
        {name: week[name] for name in ("name", "present", "late", "absent", "excused")}
        | {"percentage": None if week["percentage"] is None else float(week["percentage"])}
        for week in weeks
    ]
    context = {"weeks": weeks, "figures": json.dumps(figures)}
    return render(request, "portal/office/_chart.html", context)


@require_GET
@portal_page
def student(request: HttpRequest, student_id: int) -> HttpResponse:
    """One student: every course with its outlook, and the marks; lecturers see their own."""
    viewer = request_staff_viewer(request)
    asked = Asked(
        viewer=viewer, now=timezone.now(), zone=request_campus(request).zone, filters=Filters()
    )
    found = student_seen(asked, student_id=student_id)
    page = Paginator(student_records(asked, student=found), ROWS_A_PAGE).get_page(
        request.GET.get("page")
    )
    rows = record_rows(list(page.object_list))
    links = links_of(rows, report=REPORTS["check-ins"], asked=asked)
    context = {
        "student": found,
        **student_report(asked, student=found),
        "marks": list(zip(rows, links, strict=True)),
        "page_obj": page,
    }
    return render(request, "portal/office/student.html", context)


@require_GET
@portal_page
def exports(request: HttpRequest) -> HttpResponse:
    """How far the long files are, for the page that shows them."""
    request_staff_viewer(request)
    return render(request, "portal/office/_exports.html", _exports(request))


@require_POST
@portal_page
def export(request: HttpRequest) -> HttpResponse:
    """Have what is shown written as a file by a worker."""
    viewer = request_staff_viewer(request)
    report = report_named(request.POST.get("report"))
    form = ReportForm(request.POST, report=report, viewer=viewer)
    file_format = request.POST.get("format", "")
    if not form.is_valid() or file_format not in FORMATS:
        raise Invalid("unknown_report", _("Choose the report and its filters again."))
    export_start(
        report=report.name,
        file_format=file_format,
        filters=form.filters(),
        user_id=request_user(request).pk,
        now=timezone.now(),
        actor=request_actor(request),
    )
    messages.success(request, _("The file is being written. It will appear below."))
    return redirect(f"{reverse('portal:reports')}?report={report.name}&{_query(request)}")


@require_POST
@portal_page
def archive(request: HttpRequest) -> HttpResponse:
    """Have a term that is over written as a file, and closed to changes."""
    if not has_role(request, Role.ADMIN):
        raise Forbidden("role_required", _("Your role does not allow this."))
    term_id = row_number(request.POST.get("term", ""))
    if term_id is None:
        raise Invalid("unknown_term", _("Choose the term again."))
    archive_start(
        term_id=term_id,
        user_id=request_user(request).pk,
        now=timezone.now(),
        actor=request_actor(request),
    )
    messages.success(request, _("The term is being archived. Its file will appear below."))
    return redirect(reverse("portal:reports"))


def _exports(request: HttpRequest) -> dict[str, Any]:
    found = list(exports_of(user_id=request_user(request).pk)[:EXPORTS_SHOWN])
    return {"exports": found, "writing": any(job.status in UNFINISHED for job in found)}


def _answer(request: HttpRequest, report: ReportDefinition, asked: Asked) -> dict[str, Any]:
    found: Any = ReadRows(report, asked)
    page = Paginator(found, ROWS_A_PAGE).get_page(request.GET.get("page"))
    rows: list[Row] = list(page.object_list)
    table = table_with(asked, report, rows)
    return {
        "table": table,
        "headings": [(column.label, _style(column)) for column in table.shown],
        "lines": _lines(table, rows, report, asked),
        "page_obj": page,
        "files": FORMATS,
        "is_long": page.paginator.count > LONGEST_FILE,
        "address": reverse(f"api-report-{report.name}"),
        "query": _query(request),
        "has_chart": report.name == "attendance",
    }


def _lines(
    table: ReportTable, rows: list[Row], report: ReportDefinition, asked: Asked
) -> list[list[tuple[str, str, str]]]:
    """Each cell's text, its class, and where it leads; "" for nowhere."""
    links = links_of(rows, report=report, asked=asked)
    return [
        [
            (table.text(column, row), _style(column), found.get(column.key, ""))
            for column in table.shown
        ]
        for row, found in zip(rows, links, strict=True)
    ]


def _style(column: Column) -> str:
    """Numbers stand to the right; codes and times are not broken, names may be."""
    if column.kind in NUMBERS:
        return "numeric"
    return "text-nowrap" if column.width <= UNBROKEN else ""


def _query(request: HttpRequest) -> str:
    """What was asked, for links; empty fields are left out."""
    asked = (request.GET or request.POST).copy()
    for name in [name for name, value in asked.items() if not value or name in NOT_ASKED]:
        del asked[name]
    return asked.urlencode()
