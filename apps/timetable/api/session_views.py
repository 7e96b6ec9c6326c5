"""Planning single sessions: lecturers their own, the office everybody's."""

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.audit.actors import request_actor
from apps.common.api import Pages
from apps.sessions.models import ClassSession
from apps.sessions.selectors import meeting
from apps.sessions.services import session_cancel, session_courses_set, session_remove
from apps.tenants.middleware import request_campus
from apps.timetable.api.permissions import (
    IsPlanner,
    planned_course,
    planned_session,
    planned_sessions,
)
from apps.timetable.api.serializers import (
    ChangeInput,
    PlanInput,
    PlannedOutput,
    PlanQuery,
    ReasonInput,
    RescheduleInput,
    ScheduleEntry,
    SwapInput,
)
from apps.timetable.occurrences import day_starts
from apps.timetable.selectors.planning import session_warnings
from apps.timetable.selectors.schedule import sessions
from apps.timetable.services import session_plan, session_reschedule, session_swap

CLASH = OpenApiResponse(
    description="room_taken, lecturer_busy, section_busy, session_exists (the text names the other "
    "session) or not_scheduled."
)
REFUSALS = {409: CLASH}


def _answer(session: ClassSession, code: int = status.HTTP_200_OK) -> Response:
    fresh = sessions().get(pk=session.pk)
    context = {"warnings": session_warnings(fresh)}
    return Response(PlannedOutput(fresh, context=context).data, status=code)


def _valid(serializer: Any) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    data: dict[str, Any] = serializer.validated_data
    return data


def _facts(request: Request) -> dict[str, Any]:
    return {"now": timezone.now(), "actor": request_actor(request)}


class PlanView(APIView):
    pagination_class = Pages
    permission_classes = [IsPlanner]

    @extend_schema(
        operation_id="timetable_sessions_list",
        parameters=[PlanQuery],
        responses={200: ScheduleEntry(many=True)},
        tags=["timetable"],
        summary="Sessions that I may plan, in pages",
    )
    def get(self, request: Request) -> Response:
        """Default order: earliest first."""
        pages = Pages()
        found = self._filtered(request, _valid(PlanQuery(data=request.query_params)))
        page = pages.paginate_queryset(found, request, view=self)
        return pages.get_paginated_response(ScheduleEntry(page, many=True).data)

    def _filtered(self, request: Request, asked: dict[str, Any]) -> QuerySet[ClassSession]:
        found: QuerySet[ClassSession] = planned_sessions(request)
        zone = request_campus(request).zone
        if "first_day" in asked:
            found = found.filter(starts_at__gte=day_starts(asked["first_day"], zone))
        if "last_day" in asked:
            found = found.filter(starts_at__lt=day_starts(asked["last_day"], zone, after=1))
        for name in ("classroom", "status"):
            if name in asked:
                found = found.filter(**{name: asked[name]})
        if "course" in asked:
            found = found.filter(meeting(course=asked["course"]))
        return found.order_by(asked["ordering"], "id")

    @extend_schema(
        operation_id="timetable_sessions_create",
        request=PlanInput,
        responses={201: PlannedOutput, **REFUSALS},
        tags=["timetable"],
        summary="Plan one more session",
    )
    def post(self, request: Request) -> Response:
        data = _valid(PlanInput(data=request.data))
        course = planned_course(request, data.pop("course"))
        also = [planned_course(request, course_id) for course_id in data.pop("also", [])]
        session = session_plan(course=course, also=also, **data, **_facts(request))
        return _answer(session, status.HTTP_201_CREATED)


class PlannedSessionView(APIView):
    permission_classes = [IsPlanner]

    @extend_schema(
        operation_id="timetable_sessions_change",
        request=ChangeInput,
        responses={200: PlannedOutput, **REFUSALS},
        tags=["timetable"],
        summary="Change a scheduled session",
    )
    def patch(self, request: Request, session_id: int) -> Response:
        session = planned_session(request, session_id)
        data = _valid(ChangeInput(data=request.data))
        also = data.pop("also", None)
        if also is not None:
            courses = [planned_course(request, course_id) for course_id in also]
            session_courses_set(session=session, also=courses, **_facts(request))
        return _moved(request, session, data)

    @extend_schema(
        operation_id="timetable_sessions_delete",
        request=None,
        responses={200: PlannedOutput, 204: None, **REFUSALS},
        tags=["timetable"],
        summary="Take a scheduled session off the timetable",
    )
    def delete(self, request: Request, session_id: int) -> Response:
        """204: deleted. 200: cancelled, because check-ins hang on it."""
        cancelled = session_remove(
            session=planned_session(request, session_id), reason="", **_facts(request)
        )
        if cancelled is not None:
            return _answer(cancelled)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _moved(request: Request, session: ClassSession, data: dict[str, Any]) -> Response:
    """Apply a change; what it does not name stays, and a new start alone keeps the length."""
    starts_at = data.get("starts_at", session.starts_at)
    length = session.ends_at - session.starts_at
    kept_end = starts_at + length if "starts_at" in data else session.ends_at
    changed = session_reschedule(
        session=session,
        starts_at=starts_at,
        ends_at=data.get("ends_at", kept_end),
        classroom=data.get("classroom", session.classroom),
        topic=data.get("topic"),
        **_facts(request),
    )
    return _answer(changed)


class RescheduleView(APIView):
    permission_classes = [IsPlanner]

    @extend_schema(
        operation_id="timetable_sessions_reschedule",
        request=RescheduleInput,
        responses={200: PlannedOutput, **REFUSALS},
        tags=["timetable"],
        summary="Move a scheduled session",
    )
    def post(self, request: Request, session_id: int) -> Response:
        """Another time and, if named, another room; the topic stays and everybody is told."""
        session = planned_session(request, session_id)
        return _moved(request, session, _valid(RescheduleInput(data=request.data)))


class SwapView(APIView):
    permission_classes = [IsPlanner]

    @extend_schema(
        operation_id="timetable_sessions_swap",
        request=SwapInput,
        responses={200: ScheduleEntry(many=True), **REFUSALS},
        tags=["timetable"],
        summary="Two sessions exchange their times and rooms",
    )
    def post(self, request: Request, session_id: int) -> Response:
        first = planned_session(request, session_id)
        data = _valid(SwapInput(data=request.data))
        second = planned_session(request, data["other"])
        session_swap(first=first, second=second, **_facts(request))
        both = sessions().filter(pk__in=[first.pk, second.pk])
        return Response(ScheduleEntry(both, many=True).data)


class CallOffView(APIView):
    permission_classes = [IsPlanner]

    @extend_schema(
        operation_id="timetable_sessions_cancel",
        request=ReasonInput,
        responses={200: PlannedOutput, **REFUSALS},
        tags=["timetable"],
        summary="Cancel a scheduled session with a note",
    )
    def post(self, request: Request, session_id: int) -> Response:
        session = planned_session(request, session_id)
        note = _valid(ReasonInput(data=request.data))["note"]
        return _answer(session_cancel(session=session, reason=note, **_facts(request)))
