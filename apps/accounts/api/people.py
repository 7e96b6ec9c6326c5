"""Students and faculty as the office, lecturers and students themselves see them."""

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.api.people_serializers import (
    FacultyDetail,
    FacultyInput,
    FacultyQuery,
    FacultyRow,
    StudentDetail,
    StudentInput,
    StudentQuery,
    StudentRow,
)
from apps.accounts.api.permissions import IsMember, may_write
from apps.accounts.models import Faculty, Student
from apps.accounts.requests import request_viewer
from apps.accounts.selectors import (
    faculty_by_id,
    faculty_listed,
    student_by_id,
    students_listed,
)
from apps.accounts.services import (
    faculty_create,
    profile_activate,
    profile_deactivate,
    student_create,
)
from apps.accounts.viewers import FACULTY_WAYS, STUDENT_WAYS
from apps.accounts.writes import FACULTY, STUDENT, Writer, refuse_address, refuse_fields
from apps.audit.actors import request_actor
from apps.common.errors import NotFound
from apps.common.lists import Listing

TAGS = ["people"]
AddsStudents = may_write(STUDENT, "code", adding=True)
ClosesStudents = may_write(STUDENT, "is_active")
AddsFaculty = may_write(FACULTY, "code", adding=True)
ClosesFaculty = may_write(FACULTY, "is_active")
INVITES = (
    "With an account and the role. Where the address has an account on another campus, its owner "
    "is invited instead: `sign_in` is `invited` until they accept. 400 invalid_person names the "
    "fields; 403 field_not_allowed those that the role may not write; 403 "
    "account_with_other_roles: an administrator has to enter this person."
)
EXISTS = OpenApiResponse(description="person_exists: the number, e-mail or phone is taken.")


def _facts(request: Request) -> dict[str, Any]:
    return {"now": timezone.now(), "actor": request_actor(request)}


def _students(request: Request, **asked: Any) -> QuerySet[Student]:
    """A lecturer sees the students of the own courses, a student nobody else."""
    return request_viewer(request).limit(students_listed(**asked), **STUDENT_WAYS)


def _faculty(request: Request, **asked: Any) -> QuerySet[Faculty]:
    """A lecturer sees only the own entry, a student those who teach the own courses."""
    return request_viewer(request).limit(faculty_listed(**asked), **FACULTY_WAYS)


def _body(request: Request, shape: Any, model: str) -> dict[str, Any]:
    """What was sent, if this person may write each of its fields; see the table `WRITES`."""
    serializer = shape(data=request.data)
    serializer.is_valid(raise_exception=True)
    body = dict(serializer.validated_data)
    refuse_fields(Writer(request.user), model, body, adding=True)
    refuse_address(Writer(request.user), body["email"])
    return body


@extend_schema_view(
    get=extend_schema(
        operation_id="students_list",
        parameters=[StudentQuery],
        tags=TAGS,
        summary="Students that I may see",
        description="The office: all. Lecturers: those of their courses. Students: themselves.",
    )
)
class StudentsView(Listing[Student]):
    serializer_class = StudentRow
    query_class = StudentQuery
    queryset = Student.objects.none()

    def get_permissions(self) -> list[BasePermission]:
        return [AddsStudents() if self.request.method == "POST" else IsMember()]

    def listed(self, **asked: Any) -> QuerySet[Student]:
        return _students(self.request, **asked)

    @extend_schema(
        operation_id="students_create",
        request=StudentInput,
        responses={201: StudentDetail, 409: EXISTS},
        tags=TAGS,
        summary="Add a student",
        description=INVITES,
    )
    def post(self, request: Request) -> Response:
        student = student_create(**_body(request, StudentInput, STUDENT), **_facts(request))
        shown = students_listed(pk=student.pk).get()
        return Response(StudentDetail(shown).data, status=status.HTTP_201_CREATED)


class StudentView(APIView):
    def get_permissions(self) -> list[BasePermission]:
        return [ClosesStudents() if self.request.method == "DELETE" else IsMember()]

    @extend_schema(
        operation_id="students_get", responses=StudentDetail, tags=TAGS, summary="One student"
    )
    def get(self, request: Request, student_id: int) -> Response:
        student = _students(request).filter(pk=student_id).first()
        if student is None:
            raise NotFound("no_such_student", "No such student.")
        return Response(StudentDetail(student).data)

    @extend_schema(
        operation_id="students_remove",
        responses={204: None},
        tags=TAGS,
        summary="Deactivate a student",
        description="The role and every session end at once; the history is kept. Again: 204.",
    )
    def delete(self, request: Request, student_id: int) -> Response:
        profile_deactivate(person=student_by_id(student_id=student_id), **_facts(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class StudentActivateView(APIView):
    permission_classes = [ClosesStudents]

    @extend_schema(
        operation_id="students_activate",
        request=None,
        responses={204: None},
        tags=TAGS,
        summary="Let a deactivated student in again",
    )
    def post(self, request: Request, student_id: int) -> Response:
        profile_activate(person=student_by_id(student_id=student_id), **_facts(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


@extend_schema_view(
    get=extend_schema(
        operation_id="faculty_list",
        parameters=[FacultyQuery],
        tags=TAGS,
        summary="Faculty that I may see",
        description="The office: all. Lecturers: themselves. Students: who teaches them.",
    )
)
class FacultyListView(Listing[Faculty]):
    serializer_class = FacultyRow
    query_class = FacultyQuery
    queryset = Faculty.objects.none()

    def get_permissions(self) -> list[BasePermission]:
        return [AddsFaculty() if self.request.method == "POST" else IsMember()]

    def listed(self, **asked: Any) -> QuerySet[Faculty]:
        return _faculty(self.request, **asked)

    @extend_schema(
        operation_id="faculty_create",
        request=FacultyInput,
        responses={201: FacultyDetail, 409: EXISTS},
        tags=TAGS,
        summary="Add a faculty member",
        description=INVITES,
    )
    def post(self, request: Request) -> Response:
        faculty = faculty_create(**_body(request, FacultyInput, FACULTY), **_facts(request))
        return Response(FacultyDetail(faculty).data, status=status.HTTP_201_CREATED)


class FacultyView(APIView):
    def get_permissions(self) -> list[BasePermission]:
        return [ClosesFaculty() if self.request.method == "DELETE" else IsMember()]

    @extend_schema(
        operation_id="faculty_get", responses=FacultyRow, tags=TAGS, summary="One faculty member"
    )
    def get(self, request: Request, faculty_id: int) -> Response:
        faculty = _faculty(request).filter(pk=faculty_id).first()
        if faculty is None:
            raise NotFound("no_such_faculty_member", "No such faculty member.")
        return Response(FacultyRow(faculty).data)

    @extend_schema(
        operation_id="faculty_remove",
        responses={204: None},
        tags=TAGS,
        summary="Deactivate a faculty member",
        description="The role and every session end at once; courses and history are kept.",
    )
    def delete(self, request: Request, faculty_id: int) -> Response:
        profile_deactivate(person=faculty_by_id(faculty_id=faculty_id), **_facts(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class FacultyActivateView(APIView):
    permission_classes = [ClosesFaculty]

    @extend_schema(
        operation_id="faculty_activate",
        request=None,
        responses={204: None},
        tags=TAGS,
        summary="Let a deactivated faculty member in again",
    )
    def post(self, request: Request, faculty_id: int) -> Response:
        profile_activate(person=faculty_by_id(faculty_id=faculty_id), **_facts(request))
        return Response(status=status.HTTP_204_NO_CONTENT)
