"""What is studied, who studies it, and the search of people and courses."""

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.api.permissions import IsCampusAdmin, IsMember, IsTeacherOrOffice
from apps.accounts.requests import request_viewer
from apps.audit.actors import request_actor
from apps.common.lists import Listing
from apps.common.schema import conflict
from apps.enrollments import selectors
from apps.enrollments.api.serializers import (
    CourseQuery,
    CourseRow,
    DepartmentQuery,
    DepartmentRow,
    EnrollmentQuery,
    EnrollmentRow,
    SearchOutput,
    SearchQuery,
    SectionQuery,
    SectionRow,
    SubjectQuery,
    SubjectRow,
    TermQuery,
    TermRow,
)
from apps.enrollments.models import Course, Department, Enrollment, Section, Subject, Term
from apps.enrollments.services import subject_activate, subject_deactivate

TAGS = ["study"]


def described(name: str, query: Any, summary: str, **more: Any) -> Any:
    """What a list says about itself in the API's description."""
    return extend_schema_view(
        get=extend_schema(operation_id=name, parameters=[query], tags=TAGS, summary=summary, **more)
    )


@described("terms_list", TermQuery, "Terms")
class TermsView(Listing[Term]):
    permission_classes = [IsTeacherOrOffice]
    serializer_class = TermRow
    query_class = TermQuery
    queryset = Term.objects.none()

    def listed(self, **asked: Any) -> QuerySet[Term]:
        return selectors.terms_listed(**asked)


@described("departments_list", DepartmentQuery, "Departments")
class DepartmentsView(Listing[Department]):
    permission_classes = [IsTeacherOrOffice]
    serializer_class = DepartmentRow
    query_class = DepartmentQuery
    queryset = Department.objects.none()

    def listed(self, **asked: Any) -> QuerySet[Department]:
        return selectors.departments_listed()


@described("sections_list", SectionQuery, "Sections")
class SectionsView(Listing[Section]):
    permission_classes = [IsTeacherOrOffice]
    serializer_class = SectionRow
    query_class = SectionQuery
    queryset = Section.objects.none()

    def listed(self, **asked: Any) -> QuerySet[Section]:
        return selectors.sections_listed(**asked)


@described("subjects_list", SubjectQuery, "Subjects")
class SubjectsView(Listing[Subject]):
    permission_classes = [IsTeacherOrOffice]
    serializer_class = SubjectRow
    query_class = SubjectQuery
    queryset = Subject.objects.none()

    def listed(self, **asked: Any) -> QuerySet[Subject]:
        return selectors.subjects_listed(**asked)


class SubjectView(APIView):
    def get_permissions(self) -> list[BasePermission]:
        return [IsCampusAdmin() if self.request.method == "DELETE" else IsTeacherOrOffice()]

    @extend_schema(
        operation_id="subjects_get", responses=SubjectRow, tags=TAGS, summary="One subject"
    )
    def get(self, request: Request, subject_id: int) -> Response:
        return Response(SubjectRow(selectors.subject_by_id(subject_id=subject_id)).data)

    @extend_schema(
        operation_id="subjects_remove",
        responses={204: None, **conflict("subject_in_use")},
        tags=TAGS,
        summary="Deactivate a subject",
        description="Past courses, grades and registers are kept. Again: 204. The text of a 409 "
        "names the active courses.",
    )
    def delete(self, request: Request, subject_id: int) -> Response:
        subject_deactivate(
            subject=selectors.subject_by_id(subject_id=subject_id),
            now=timezone.now(),
            actor=request_actor(request),
        )
        return Response(status=status.HTTP_204_NO_CONTENT)


class SubjectActivateView(APIView):
    permission_classes = [IsCampusAdmin]

    @extend_schema(
        operation_id="subjects_activate",
        request=None,
        responses={204: None},
        tags=TAGS,
        summary="Put a deactivated subject back on the list",
    )
    def post(self, request: Request, subject_id: int) -> Response:
        subject_activate(
            subject=selectors.subject_by_id(subject_id=subject_id),
            now=timezone.now(),
            actor=request_actor(request),
        )
        return Response(status=status.HTTP_204_NO_CONTENT)


@described(
    "courses_list",
    CourseQuery,
    "Courses that I may see",
    description="The office: all. Lecturers: their own. Students: those they are enrolled in.",
)
class CoursesView(Listing[Course]):
    permission_classes = [IsMember]
    serializer_class = CourseRow
    query_class = CourseQuery
    queryset = Course.objects.none()

    def listed(self, **asked: Any) -> QuerySet[Course]:
        return selectors.courses_listed(viewer=request_viewer(self.request), **asked)


class CourseView(APIView):
    permission_classes = [IsMember]

    @extend_schema(operation_id="courses_get", responses=CourseRow, tags=TAGS, summary="One course")
    def get(self, request: Request, course_id: int) -> Response:
        course = selectors.course_seen(viewer=request_viewer(request), course_id=course_id)
        return Response(CourseRow(course).data)


@described(
    "enrollments_list",
    EnrollmentQuery,
    "Enrolments that I may see",
    description="The office: all. Lecturers: of their courses. Students: their own.",
)
class EnrollmentsView(Listing[Enrollment]):
    permission_classes = [IsMember]
    serializer_class = EnrollmentRow
    query_class = EnrollmentQuery
    queryset = Enrollment.objects.none()

    def listed(self, **asked: Any) -> QuerySet[Enrollment]:
        return selectors.enrollments_listed(viewer=request_viewer(self.request), **asked)


class SearchView(APIView):
    permission_classes = [IsMember]

    @extend_schema(
        operation_id="search",
        parameters=[SearchQuery],
        responses=SearchOutput,
        tags=TAGS,
        summary="Find active people and courses that I may see",
        description="Every word of `q` must be part of the name, number, code or e-mail; accents "
        "and case do not matter, so “muller” finds Müller and “ann” finds Joanna.",
    )
    def get(self, request: Request) -> Response:
        query = SearchQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        asked = query.validated_data
        kinds = [asked["kind"]] if "kind" in asked else selectors.SEARCH_KINDS
        hits = selectors.found(
            viewer=request_viewer(request), text=asked["q"], kinds=kinds, limit=asked["limit"]
        )
        return Response(SearchOutput({"results": hits}).data)
