"""What reports are asked for, and what they answer."""

from collections.abc import Sequence
from typing import Any, Final

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from apps.common.fields import DayField, MomentField
from apps.common.inputs import Input
from apps.common.lists import IdField
from apps.jobs.models import Job
from apps.reports.asked import Filters
from apps.reports.catalogue import REPORTS, STUDENT_COURSES
from apps.reports.exports import FORMATS
from apps.reports.services import format_of
from apps.reports.tables import Column, ColumnType

FIELDS: Final[dict[ColumnType, Any]] = {
    ColumnType.TEXT: lambda: serializers.CharField(allow_blank=True),
    ColumnType.BLANK: lambda: serializers.CharField(allow_blank=True),
    ColumnType.WHOLE: lambda: serializers.IntegerField(allow_null=True),
    ColumnType.DECIMAL: lambda: serializers.DecimalField(5, 2, allow_null=True),
    ColumnType.DAY: lambda: DayField(allow_null=True),
    ColumnType.MOMENT: lambda: MomentField(allow_null=True),
}


def row_serializer(name: str, columns: Sequence[Column]) -> type[serializers.Serializer[Any]]:
    """A row as its columns describe it: the description of the API can say nothing else."""
    fields = {column.key: FIELDS[column.kind]() for column in columns}
    return type(f"{name}Row", (serializers.Serializer,), fields)


ROWS: Final = {
    name: row_serializer("".join(part.title() for part in name.split("-")), report.columns)
    for name, report in REPORTS.items()
}


class CourseFilters(serializers.Serializer[Any]):
    """Which courses and days. `from` and `to` are days on the campus's calendar, included."""

    course = IdField(required=False)
    section = IdField(required=False)
    department = IdField(required=False)
    lecturer = IdField(required=False)
    term = IdField(required=False)
    to = DayField(required=False, source="last")

    def get_fields(self) -> dict[str, Any]:
        """`from` is a word of the language."""
        first = DayField(required=False, source="first")
        return {**super().get_fields(), "from": first}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("first") and attrs.get("last") and attrs["first"] > attrs["last"]:
            raise serializers.ValidationError({"to": _("The last day is before the first.")})
        return attrs

    def filters(self) -> Filters:
        return Filters(**self.validated_data)


def grouped_query(name: str, groups: Sequence[str]) -> type[CourseFilters]:
    """The filters of a report that makes groups."""
    choice = serializers.ChoiceField(choices=list(groups), default=groups[0])
    return type(name, (CourseFilters,), {"group_by": choice})


AttendanceQuery = grouped_query("AttendanceQuery", REPORTS["attendance"].groups)
StatisticsQuery = grouped_query("StatisticsQuery", REPORTS["statistics"].groups)


class ThresholdQuery(CourseFilters):
    threshold = serializers.DecimalField(
        5,
        2,
        required=False,
        min_value=0,
        max_value=100,
        help_text="In percent. Left out: as the policy of the course says, 75 by default.",
    )


class StudentReportQuery(ThresholdQuery):
    trend = serializers.BooleanField(
        default=False, help_text="Whether to add the weeks, which are counted from the marks."
    )


class AbsencesQuery(CourseFilters):
    absences = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=1000,
        help_text="How many in a row. Left out: as the policy of the course says, 3 by default.",
    )


class SessionQuery(CourseFilters):
    session = IdField(required=False)


class SheetQuery(serializers.Serializer[Any]):
    course = IdField()
    session = IdField(required=False)

    def filters(self) -> Filters:
        return Filters(**self.validated_data)


QUERIES: Final[dict[str, Any]] = {
    "attendance": AttendanceQuery,
    "defaulters": ThresholdQuery,
    "consecutive-absences": AbsencesQuery,
    "statistics": StatisticsQuery,
    "methods": SessionQuery,
    "check-ins": SessionQuery,
    "not-taken": CourseFilters,
    "signing-sheet": SheetQuery,
}


class ReportedStudent(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    code = serializers.CharField()
    name = serializers.CharField(source="full_name")


CourseRow = row_serializer("StudentCourse", STUDENT_COURSES)


class TotalOutput(serializers.Serializer[Any]):
    sessions = serializers.IntegerField()
    attended = serializers.IntegerField()
    late = serializers.IntegerField()
    absent = serializers.IntegerField()
    excused = serializers.IntegerField()
    percentage = serializers.DecimalField(5, 2, allow_null=True)


class StudentReportOutput(serializers.Serializer[Any]):
    student = ReportedStudent()
    courses = CourseRow(many=True)
    total = TotalOutput()
    trend = ROWS["attendance"](many=True)


@extend_schema_serializer(component_name="OwnRecord")
class OwnRecordRow(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    session = serializers.IntegerField()
    starts_at = MomentField()
    course = serializers.IntegerField()
    course_code = serializers.CharField()
    course_name = serializers.CharField()
    topic = serializers.CharField(allow_blank=True)
    status = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    source = serializers.CharField()  # type: ignore[assignment]
    method = serializers.CharField(allow_blank=True)
    minutes_late = serializers.IntegerField()
    score = serializers.DecimalField(3, 2)
    recorded_at = MomentField()


class OwnAttendanceOutput(serializers.Serializer[Any]):
    """A page of the own marks, with the statistics of all of them."""

    count = serializers.IntegerField()
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = OwnRecordRow(many=True)
    statistics = StudentReportOutput()


class ExportInput(Input):
    """`filters` are those of the report itself."""

    report = serializers.ChoiceField(choices=list(REPORTS))
    format = serializers.ChoiceField(choices=FORMATS)
    filters = serializers.DictField(required=False, default=dict)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        query = QUERIES[attrs["report"]](data=attrs["filters"])
        if unknown := sorted(set(attrs["filters"]) - set(query.fields))[:1]:
            message = ErrorDetail(_("There is no such filter."), "unknown_field")
            raise serializers.ValidationError({"filters": {unknown[0][:100]: [message]}})
        if not query.is_valid():
            raise serializers.ValidationError({"filters": query.errors})
        return {**attrs, "filters": query.filters()}


class ExportOutput(serializers.ModelSerializer[Job]):
    """`rows`, `size` (bytes) and `filename` are there once it is written.

    An archived term is the report `term` in the format `zip`.
    """

    report = serializers.SerializerMethodField()
    format = serializers.SerializerMethodField()
    percent = serializers.IntegerField(read_only=True)
    rows = serializers.SerializerMethodField()
    size = serializers.SerializerMethodField()
    filename = serializers.SerializerMethodField()

    class Meta:
        model = Job
        fields = [
            "id",
            "report",
            "format",
            "status",
            "percent",
            "problem",
            "created_at",
            "finished_at",
            "rows",
            "size",
            "filename",
        ]

    def get_report(self, job: Job) -> str:
        return str(job.params.get("report", "term"))

    def get_format(self, job: Job) -> str:
        return format_of(job)

    @extend_schema_field(serializers.IntegerField(allow_null=True))
    def get_rows(self, job: Job) -> int | None:
        return job.result.get("rows")

    @extend_schema_field(serializers.IntegerField(allow_null=True))
    def get_size(self, job: Job) -> int | None:
        return job.result.get("size")

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_filename(self, job: Job) -> str | None:
        return job.result.get("filename")
