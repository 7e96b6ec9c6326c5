"""Weekly slots, holidays and the generator: for the office."""

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.audit.actors import request_actor
from apps.common.api import Pages
from apps.common.errors import NotFound
from apps.common.fields import DayField
from apps.common.schema import conflict
from apps.timetable.api.permissions import IsOffice
from apps.timetable.api.serializers import (
    LARGEST_ID,
    GenerateInput,
    GenerationOutput,
    HolidayFields,
    HolidayResultOutput,
    SlotFields,
    SlotOutput,
    SlotResultOutput,
)
from apps.timetable.locks import planning
from apps.timetable.models import Holiday, WeeklySlot
from apps.timetable.selectors.planning import slots
from apps.timetable.services import (
    holiday_create,
    holiday_remove,
    holiday_update,
    sessions_generate,
    slot_create,
    slot_remove,
    slot_update,
)

REFUSALS = conflict("room_taken", "lecturer_busy", "section_busy")


class SlotQuery(serializers.Serializer):
    course = serializers.IntegerField(required=False, min_value=1, max_value=LARGEST_ID)
    weekday = serializers.IntegerField(required=False, min_value=1, max_value=7)
    is_active = serializers.BooleanField(required=False, allow_null=True, default=None)


class HolidayQuery(serializers.Serializer):
    first_day = DayField(required=False, help_text="Not over before this day.")
    last_day = DayField(required=False, help_text="Begun by this day.")


def _facts(request: Request) -> dict[str, Any]:
    return {"now": timezone.now(), "actor": request_actor(request)}


class SlotsView(APIView):
    pagination_class = Pages
    permission_classes = [IsOffice]

    @extend_schema(
        operation_id="timetable_slots_list",
        parameters=[SlotQuery],
        responses={200: SlotOutput(many=True)},
        tags=["timetable"],
        summary="Weekly slots, in pages",
    )
    def get(self, request: Request) -> Response:
        query = SlotQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        asked = {name: value for name, value in query.validated_data.items() if value is not None}
        pages = Pages()
        page = pages.paginate_queryset(slots().filter(**asked), request, view=self)
        return pages.get_paginated_response(SlotOutput(page, many=True).data)

    @extend_schema(
        operation_id="timetable_slots_create",
        request=SlotFields,
        responses={201: SlotResultOutput, **REFUSALS},
        tags=["timetable"],
        summary="Add a weekly slot to a course",
    )
    def post(self, request: Request) -> Response:
        """Its sessions come with the next run of the generator."""
        data = SlotFields(data=request.data)
        data.is_valid(raise_exception=True)
        also = data.validated_data.pop("also", [])
        slot = WeeklySlot(**data.validated_data)
        result = slot_create(slot=slot, also=also, **_facts(request))
        return Response(SlotResultOutput(result).data, status=status.HTTP_201_CREATED)


def _slot(slot_id: int) -> WeeklySlot:
    slot = slots().filter(pk=slot_id).first()
    if slot is None:
        raise NotFound("slot_not_found", _("There is no such slot."))
    return slot


class SlotView(APIView):
    permission_classes = [IsOffice]

    @extend_schema(
        operation_id="timetable_slots_change",
        request=SlotFields,
        responses={200: SlotResultOutput, **REFUSALS},
        tags=["timetable"],
        summary="Change a weekly slot",
    )
    def patch(self, request: Request, slot_id: int) -> Response:
        """Its future sessions follow, save those that were changed by hand."""
        with planning():
            slot = _slot(slot_id)
            data = SlotFields(slot, data=request.data, partial=True)
            data.is_valid(raise_exception=True)
            also = data.validated_data.pop("also", None)
            for name, value in data.validated_data.items():
                setattr(slot, name, value)
            result = slot_update(slot=slot, also=also, **_facts(request))
        return Response(SlotResultOutput(result).data)

    @extend_schema(
        operation_id="timetable_slots_remove",
        responses={200: SlotResultOutput},
        tags=["timetable"],
        summary="End a weekly slot",
    )
    def delete(self, request: Request, slot_id: int) -> Response:
        """Deactivates it and cancels its future sessions, save those changed by hand."""
        with planning():
            result = slot_remove(slot=_slot(slot_id), **_facts(request))
        return Response(SlotResultOutput(result).data)


class HolidaysView(APIView):
    pagination_class = Pages
    permission_classes = [IsOffice]

    @extend_schema(
        operation_id="timetable_holidays_list",
        parameters=[HolidayQuery],
        responses={200: HolidayFields(many=True)},
        tags=["timetable"],
        summary="Holidays, in pages",
    )
    def get(self, request: Request) -> Response:
        query = HolidayQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        found, asked = Holiday.objects.order_by("first_day", "id"), query.validated_data
        if "first_day" in asked:
            found = found.filter(last_day__gte=asked["first_day"])
        if "last_day" in asked:
            found = found.filter(first_day__lte=asked["last_day"])
        pages = Pages()
        page = pages.paginate_queryset(found, request, view=self)
        return pages.get_paginated_response(HolidayFields(page, many=True).data)

    @extend_schema(
        operation_id="timetable_holidays_create",
        request=HolidayFields,
        responses={201: HolidayResultOutput},
        tags=["timetable"],
        summary="Declare a holiday",
    )
    def post(self, request: Request) -> Response:
        """Cancels the generated sessions that it covers and tells those who lose one."""
        data = HolidayFields(data=request.data)
        data.is_valid(raise_exception=True)
        result = holiday_create(holiday=Holiday(**data.validated_data), **_facts(request))
        return Response(HolidayResultOutput(result).data, status=status.HTTP_201_CREATED)


def _holiday(holiday_id: int) -> Holiday:
    holiday = Holiday.objects.filter(pk=holiday_id).first()
    if holiday is None:
        raise NotFound("holiday_not_found", _("There is no such holiday."))
    return holiday


class HolidayView(APIView):
    permission_classes = [IsOffice]

    @extend_schema(
        operation_id="timetable_holidays_change",
        request=HolidayFields,
        responses={200: HolidayResultOutput},
        tags=["timetable"],
        summary="Change a holiday",
    )
    def patch(self, request: Request, holiday_id: int) -> Response:
        """Sessions that it no longer covers come back."""
        with planning():
            holiday = _holiday(holiday_id)
            data = HolidayFields(holiday, data=request.data, partial=True)
            data.is_valid(raise_exception=True)
            for name, value in data.validated_data.items():
                setattr(holiday, name, value)
            result = holiday_update(holiday=holiday, **_facts(request))
        return Response(HolidayResultOutput(result).data)

    @extend_schema(
        operation_id="timetable_holidays_remove",
        responses={200: HolidayResultOutput},
        tags=["timetable"],
        summary="Lift a holiday",
    )
    def delete(self, request: Request, holiday_id: int) -> Response:
        """The future sessions that it cancelled take place again where their place is free."""
        with planning():
            result = holiday_remove(holiday=_holiday(holiday_id), **_facts(request))
        return Response(HolidayResultOutput(result).data)


class GenerateView(APIView):
    permission_classes = [IsOffice]

    @extend_schema(
        operation_id="timetable_generate",
        request=GenerateInput,
        responses={200: GenerationOutput},
        tags=["timetable"],
        summary="Make the sessions of the weekly slots now",
    )
    def post(self, request: Request) -> Response:
        """From the first to the last day; a second run makes nothing twice."""
        data = GenerateInput(data=request.data)
        data.is_valid(raise_exception=True)
        result = sessions_generate(
            first=data.validated_data["first_day"],
            last=data.validated_data["last_day"],
            **_facts(request),
        )
        return Response(GenerationOutput(result).data)
