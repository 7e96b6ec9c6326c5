"""Reports over REST. Lecturers see their own courses, the office all, students themselves."""

from dataclasses import replace
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.api.permissions import IsMember, IsStudent, IsTeacherOrOffice
from apps.accounts.models import Student
from apps.accounts.requests import request_student, request_user, request_viewer
from apps.accounts.viewers import Viewer
from apps.audit.actors import request_actor
from apps.common.api import AnyAccept, Pages
from apps.common.bodies import SafeJSONRenderer
from apps.common.errors import NotFound, Refused
from apps.enrollments.models import Course
from apps.enrollments.selectors import COURSE_WAYS
from apps.jobs.models import Job
from apps.reports.api.renderers import CsvRenderer, PdfRenderer, XlsxRenderer
from apps.reports.api.serializers import (
    QUERIES,
    ROWS,
    ExportInput,
    ExportOutput,
    OwnAttendanceOutput,
    ReportedStudent,
    StudentReportOutput,
    StudentReportQuery,
)
from apps.reports.asked import Asked, Filters
from apps.reports.catalogue import REPORTS, RULE, STUDENT_COURSES, ReportDefinition
from apps.reports.exports import LONGEST_FILE, WRITERS, filename
from apps.reports.selectors.attendance import weeks
from apps.reports.selectors.students import (
    record_rows,
    student_records,
    student_report,
    student_seen,
)
from apps.reports.services import (
    export_file,
    export_of,
    export_refuse,
    export_start,
    exports_of,
    format_of,
    report_read,
)
from apps.reports.tables import ReportTable, Row
from apps.reports.writing import ReadRows, made_table, table_with
from apps.tenants.middleware import request_campus

TAGS: Final = ["reports"]
FILE_TYPES: Final = {
    **{name: kind for name, (kind, _write) in WRITERS.items()},
    "zip": "application/zip",
}
# Of themselves, students see what every lecturer recorded.
ALL: Final = Viewer(office=True)
TOO_LONG: Final = {409: OpenApiResponse(description="`report_too_long`: start an export instead.")}


def asked_by(request: Request, filters: Filters, *, viewer: Viewer | None = None) -> Asked:
    """The question of this request; a course must be one that the asker may see (else 404)."""
    viewer = viewer or request_viewer(request)
    if filters.course is not None:
        _course_must_be_seen(viewer, filters.course)
    return Asked(
        viewer=viewer,
        now=timezone.now(),
        zone=request_campus(request).zone,
        filters=filters,
    )


def _course_must_be_seen(viewer: Viewer, course_id: int) -> None:
    """`course_seen` without all that a course's own page shows."""
    found = viewer.limit(Course.objects.filter(pk=course_id), **COURSE_WAYS)
    if not found.exists():
        raise NotFound("no_such_course", _("No such course."))


def json_row(row: Row) -> Row:
    """Decimals as everywhere in this API: texts with two places."""
    return {key: f"{v:.2f}" if isinstance(v, Decimal) else v for key, v in row.items()}


def json_rows(rows: list[Row]) -> list[Row]:
    return [json_row(row) for row in rows]


class FilesView(APIView):
    """Answers with rows as JSON, or with a table as a file."""

    renderer_classes = [SafeJSONRenderer, CsvRenderer, XlsxRenderer, PdfRenderer]

    def wants_file(self, request: Request) -> bool:
        return request.accepted_renderer.format in WRITERS

    def file(self, request: Request, table: ReportTable) -> Response:
        name = filename(table, request.accepted_renderer.format)
        disposition = f'attachment; filename="{name}"'
        report_read(
            name=name,
            rows=len(table.rows),
            now=timezone.now(),
            actor=request_actor(request),
        )
        return Response(table, headers={"Content-Disposition": disposition})

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Refusals are JSON, whatever was asked for."""
        if getattr(response, "exception", False):
            request.accepted_renderer = SafeJSONRenderer()
            request.accepted_media_type = SafeJSONRenderer.media_type
        return super().finalize_response(request, response, *args, **kwargs)


class ReportView(FilesView):
    """One report of the catalogue: pages of rows, or all of them as a file."""

    permission_classes = [IsTeacherOrOffice]
    pagination_class = Pages
    report: ReportDefinition

    def get(self, request: Request) -> Response:
        query = QUERIES[self.report.name](data=request.query_params)
        query.is_valid(raise_exception=True)
        asked = asked_by(request, query.filters())
        found = ReadRows(self.report, asked)
        if not self.wants_file(request):
            pages = Pages()
            page: Any = pages.paginate_queryset(found, request)  # type: ignore[arg-type]
            return pages.get_paginated_response(json_rows(page))
        rows = found[: LONGEST_FILE + 1]
        if len(rows) > LONGEST_FILE:
            raise Refused("report_too_long", _("This report is long. Start an export of it."))
        return self.file(request, table_with(asked, self.report, rows))


def report_view(name: str, description: str) -> Any:
    """The view of one report, described by its own query and columns."""
    report = REPORTS[name]
    view: Any = type(f"{name.title().replace('-', '')}View", (ReportView,), {"report": report})
    described = extend_schema(
        operation_id=f"reports_{name.replace('-', '_')}",
        parameters=[QUERIES[name]],
        responses={200: ROWS[name](many=True), **TOO_LONG},
        tags=TAGS,
        summary=str(report.title),
        description=description,
    )
    return extend_schema_view(get=described)(view).as_view()


def _statistics(asked: Asked, student: Student) -> dict[str, Any]:
    found = student_report(asked, student=student)
    trend = weeks(asked, student=student) if asked.filters.trend else []
    return {
        "student": ReportedStudent(student).data,
        "courses": json_rows(found["courses"]),
        "total": json_row(found["total"]),
        "trend": json_rows(trend),
    }


def _student_table(asked: Asked, student: Student) -> ReportTable:
    courses = student_report(asked, student=student)["courses"]
    return made_table(
        asked,
        name=f"student-{student.pk}",
        title=str(_("Attendance")),
        columns=STUDENT_COURSES,
        rows=courses,
        notes=[f"{student.code} {student.full_name}", str(RULE)],
    )


class StudentReportView(FilesView):
    permission_classes = [IsMember]

    @extend_schema(
        operation_id="reports_student",
        parameters=[StudentReportQuery],
        responses=StudentReportOutput,
        tags=TAGS,
        summary="One student: courses, total, trend",
        description="Students themselves, lecturers of their courses (those courses only), the "
        "office. As a file: one row per course.",
    )
    def get(self, request: Request, student_id: int) -> Response:
        query = StudentReportQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        asked = asked_by(request, query.filters())
        student = student_seen(asked, student_id=student_id)
        if asked.viewer.student == student:
            asked = replace(asked, viewer=ALL)
        if self.wants_file(request):
            return self.file(request, _student_table(asked, student))
        return Response(_statistics(asked, student))


class OwnAttendanceView(FilesView):
    permission_classes = [IsStudent]

    @extend_schema(
        operation_id="me_attendance",
        parameters=[StudentReportQuery],
        responses=OwnAttendanceOutput,
        tags=TAGS,
        summary="My marks and statistics",
        description="A page of marks, newest first, within the days and courses asked for. The "
        "statistics are of those courses over all days. As a file: one row per course.",
    )
    def get(self, request: Request) -> Response:
        query = StudentReportQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        student = request_student(request)
        asked = asked_by(request, query.filters(), viewer=Viewer(student=student))
        asked = replace(asked, viewer=ALL)
        if self.wants_file(request):
            return self.file(request, _student_table(asked, student))
        pages = Pages()
        page = pages.paginate_queryset(student_records(asked, student=student), request)
        answer = pages.get_paginated_response([json_row(row) for row in record_rows(page or [])])
        answer.data["statistics"] = _statistics(asked, student)
        return answer


class ExportsView(APIView):
    permission_classes = [IsTeacherOrOffice]
    pagination_class = Pages
    queryset = Job.objects.none()

    @extend_schema(
        operation_id="reports_exports_list",
        responses=ExportOutput(many=True),
        tags=TAGS,
        summary="My exports, newest first",
    )
    def get(self, request: Request) -> Response:
        pages = Pages()
        found = exports_of(user_id=request_user(request).pk)
        page = pages.paginate_queryset(found, request)
        return pages.get_paginated_response(ExportOutput(page, many=True).data)

    @extend_schema(
        operation_id="reports_exports_start",
        request=ExportInput,
        responses={202: ExportOutput},
        tags=TAGS,
        summary="Have a long report written",
        description="A worker writes it with the asker's rights; the file is kept for a week.",
    )
    def post(self, request: Request) -> Response:
        data = ExportInput(data=request.data)
        data.is_valid(raise_exception=True)
        given = data.validated_data
        asked_by(request, given["filters"])
        job = export_start(
            report=given["report"],
            file_format=given["format"],
            filters=given["filters"],
            user_id=request_user(request).pk,
            now=timezone.now(),
            actor=request_actor(request),
        )
        return Response(ExportOutput(job).data, status=status.HTTP_202_ACCEPTED)


class ExportView(APIView):
    permission_classes = [IsTeacherOrOffice]

    @extend_schema(
        operation_id="reports_exports_get",
        responses=ExportOutput,
        tags=TAGS,
        summary="How far one of my exports is",
    )
    def get(self, request: Request, job_id: UUID) -> Response:
        job = export_of(user_id=request_user(request).pk, job_id=job_id)
        return Response(ExportOutput(job).data)


class ExportFileView(APIView):
    permission_classes = [IsTeacherOrOffice]
    content_negotiation_class = AnyAccept

    @extend_schema(
        operation_id="reports_exports_file",
        responses={
            **{(200, kind): OpenApiTypes.BINARY for kind in FILE_TYPES.values()},
            409: OpenApiResponse(description="`export_not_ready`: it is not written yet."),
        },
        tags=TAGS,
        summary="Fetch one of my exports",
        description="403 role_required: who asked may not see what is in it any more.",
    )
    def get(self, request: Request, job_id: UUID) -> HttpResponse:
        job = export_of(user_id=request_user(request).pk, job_id=job_id)
        export_refuse(job=job, user=request_user(request))
        kind = FILE_TYPES[format_of(job)]
        data = export_file(job=job)
        report_read(
            name=job.result["filename"],
            rows=job.result["rows"],
            now=timezone.now(),
            actor=request_actor(request),
        )
        return HttpResponse(
            data,
            content_type=kind,
            headers={"Content-Disposition": f'attachment; filename="{job.result["filename"]}"'},
        )
