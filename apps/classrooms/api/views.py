"""Rooms, for those who teach and for the office."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.api.permissions import IsTeacherOrOffice
from apps.classrooms.api.serializers import ClassroomQuery, ClassroomRow
from apps.classrooms.models import Classroom
from apps.classrooms.selectors import classroom_by_id, classrooms_listed
from apps.common.lists import Listing


@extend_schema_view(
    get=extend_schema(
        operation_id="classrooms_list",
        parameters=[ClassroomQuery],
        tags=["places"],
        summary="Classrooms",
    )
)
class ClassroomsView(Listing[Classroom]):
    permission_classes = [IsTeacherOrOffice]
    serializer_class = ClassroomRow
    query_class = ClassroomQuery
    queryset = Classroom.objects.none()

    def listed(self, **asked: Any) -> QuerySet[Classroom]:
        return classrooms_listed(**asked)


class ClassroomView(APIView):
    permission_classes = [IsTeacherOrOffice]

    @extend_schema(
        operation_id="classrooms_get",
        responses=ClassroomRow,
        tags=["places"],
        summary="One classroom",
    )
    def get(self, request: Request, classroom_id: int) -> Response:
        return Response(ClassroomRow(classroom_by_id(classroom_id=classroom_id)).data)
