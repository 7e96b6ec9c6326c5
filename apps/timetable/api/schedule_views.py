"""Own schedules, the lecturer's dashboard, and the link of the calendar feed."""

from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.api.permissions import IsFaculty
from apps.accounts.requests import request_faculty, request_user
from apps.audit.actors import request_actor
from apps.common.errors import Forbidden, NotFound
from apps.tenants.addresses import asked_host, campus_url
from apps.tenants.middleware import request_campus
from apps.timetable.api.permissions import AttendsOrTeaches, person_of
from apps.timetable.api.serializers import (
    CalendarLinkOutput,
    DashboardOutput,
    ScheduleOutput,
    ScheduleQuery,
)
from apps.timetable.selectors.schedule import (
    assignments_of,
    between,
    days_of_view,
    sessions_of_person,
)
from apps.timetable.services import calendar_link_create, calendar_link_remove


def _own_address(request: Request, email: str | None) -> None:
    """Older apps name themselves; naming somebody else is refused."""
    if email is not None and email.casefold() != request_user(request).email.casefold():
        raise Forbidden("not_yours", _("You can see your own schedule only."))


class MyScheduleView(APIView):
    permission_classes = [AttendsOrTeaches]

    @extend_schema(
        parameters=[ScheduleQuery],
        responses={200: ScheduleOutput},
        tags=["timetable"],
        summary="My schedule, for a day or a week",
    )
    def get(self, request: Request) -> Response:
        """What I attend or teach, cancelled sessions included, on the campus's clock."""
        query = ScheduleQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        asked = query.validated_data
        _own_address(request, asked.get("email"))
        campus = request_campus(request)
        on = asked.get("date") or timezone.now().astimezone(campus.zone).date()
        first, last = days_of_view(on=on, view=asked["view"])
        student, faculty = person_of(request)
        mine = sessions_of_person(student=student, faculty=faculty)
        facts: dict[str, Any] = {
            "view": asked["view"],
            "first_day": first,
            "last_day": last,
            "time_zone": campus.time_zone,
            "sessions": between(mine, first=first, last=last, zone=campus.zone),
        }
        return Response(ScheduleOutput(facts).data)


class DashboardView(APIView):
    permission_classes = [IsFaculty]

    @extend_schema(
        responses={200: DashboardOutput}, tags=["timetable"], summary="My courses in numbers"
    )
    def get(self, request: Request) -> Response:
        """The lecturer's active courses with their statistics."""
        _own_address(request, request.query_params.get("email"))
        found = assignments_of(faculty=request_faculty(request), now=timezone.now())
        return Response(DashboardOutput({"assignments": found}).data)


class CalendarLinkView(APIView):
    permission_classes = [AttendsOrTeaches]

    @extend_schema(
        request=None,
        responses={201: CalendarLinkOutput},
        tags=["timetable"],
        summary="A new secret address of my calendar feed",
    )
    def post(self, request: Request) -> Response:
        """The address is shown this once; the one before stops working."""
        token = calendar_link_create(
            user=request_user(request), now=timezone.now(), actor=request_actor(request)
        )
        url = campus_url(reverse("calendar-feed", args=[token]), host=asked_host(request))
        return Response(CalendarLinkOutput({"url": url}).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        responses={204: None}, tags=["timetable"], summary="Revoke the address of my feed"
    )
    def delete(self, request: Request) -> Response:
        removed = calendar_link_remove(
            user=request_user(request), now=timezone.now(), actor=request_actor(request)
        )
        if not removed:
            raise NotFound("no_such_calendar", _("You have no calendar link."))
        return Response(status=status.HTTP_204_NO_CONTENT)
