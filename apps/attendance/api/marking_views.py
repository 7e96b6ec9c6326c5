"""Endpoints for marks by hand: one, many at once, undone, afterwards, and their history."""

from dataclasses import asdict
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import api_view, permission_classes
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.permissions import IsTeacherOrOffice
from apps.attendance.api.marking_serializers import (
    BulkMarkInput,
    BulkOutput,
    ChangeOutput,
    MarkRequest,
    RecordOutput,
    TakeInput,
    UndoInput,
    marks_of,
)
from apps.attendance.models import BulkChange, Status
from apps.attendance.requests import EditsRegisters, editable_session, readable_session
from apps.attendance.selectors.marks import changes_of_session
from apps.attendance.services.bulk_marking import records_mark_bulk
from apps.attendance.services.bulk_undo import bulk_undo, last_bulk
from apps.attendance.services.marking import record_mark
from apps.attendance.services.register import register_take
from apps.audit.actors import request_actor
from apps.common.api import Pages, paged
from apps.common.errors import NotFound
from apps.common.schema import conflict
from apps.sessions.models import ClassSession

EDITING = ("session_not_open", "register_locked", "edit_time_over")


def _validated(serializer: Any) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    data: dict[str, Any] = serializer.validated_data
    return data


@extend_schema(
    operation_id="sessions_mark",
    request=MarkRequest,
    responses={200: RecordOutput, **conflict(*EDITING)},
)
@api_view(["POST"])
@permission_classes([EditsRegisters])
def session_mark(request: Request, session_id: int) -> Response:
    """Mark or correct one student by hand; before, after, actor and reason are kept."""
    session, role = editable_session(request, session_id)
    data = _validated(MarkRequest(data=request.data))
    row = record_mark(
        session=session,
        student_id=data["student"],
        status=Status(data["status"]),
        label=data["label"],
        reason=data["reason"],
        now=timezone.now(),
        actor=request_actor(request),
        role=role,
    )
    return Response(RecordOutput(row).data)


@extend_schema(
    operation_id="sessions_mark_bulk",
    request=BulkMarkInput,
    responses={200: BulkOutput, **conflict(*EDITING, "nonce_used")},
)
@api_view(["POST"])
@permission_classes([EditsRegisters])
def session_mark_bulk(request: Request, session_id: int) -> Response:
    """Mark up to 1,000 students at once. Every row is answered by itself: who is marked otherwise
    than `was` says is left unchanged and reported as a conflict."""
    session, role = editable_session(request, session_id)
    data = _validated(BulkMarkInput(data=request.data))
    bulk = records_mark_bulk(
        session=session,
        marks=marks_of(data["marks"]),
        nonce=data["nonce"],
        reason=data["reason"],
        now=timezone.now(),
        actor=request_actor(request),
        role=role,
    )
    return _answer(bulk, bulk.results)


@extend_schema(
    operation_id="sessions_undo",
    request=UndoInput,
    responses={200: BulkOutput, **conflict(*EDITING, "already_undone")},
)
@api_view(["POST"])
@permission_classes([EditsRegisters])
def session_undo(request: Request, session_id: int) -> Response:
    """Undo a bulk change, except marks that were changed since."""
    session, role = editable_session(request, session_id)
    data = _validated(UndoInput(data=request.data))
    bulk = _bulk(session, data.get("bulk"))
    results = bulk_undo(bulk=bulk, now=timezone.now(), actor=request_actor(request), role=role)
    return _answer(bulk, [asdict(result) for result in results])


def _bulk(session: ClassSession, bulk_id: int | None) -> BulkChange:
    if bulk_id is None:
        return last_bulk(session=session)
    bulk = session.bulk_changes.filter(pk=bulk_id).first()
    if bulk is None:
        raise NotFound("bulk_not_found", _("There is no such change in this session."))
    return bulk


@extend_schema(
    operation_id="sessions_take",
    request=TakeInput,
    responses={201: BulkOutput, **conflict(*EDITING[1:], "open_it_instead", "not_scheduled")},
)
@api_view(["POST"])
@permission_classes([EditsRegisters])
def session_take(request: Request, session_id: int) -> Response:
    """Take the register of a session that nobody opened, by hand. It is complete afterwards."""
    session, role = editable_session(request, session_id)
    data = _validated(TakeInput(data=request.data))
    bulk = register_take(
        session=session,
        marks=marks_of(data["marks"]),
        topic=data["topic"],
        nonce=data["nonce"],
        now=timezone.now(),
        actor=request_actor(request),
        role=role,
    )
    return _answer(bulk, bulk.results, code=status.HTTP_201_CREATED)


def _answer(bulk: BulkChange, results: list[Any], *, code: int = status.HTTP_200_OK) -> Response:
    return Response(BulkOutput({"bulk": bulk.pk, "results": results}).data, status=code)


@extend_schema(operation_id="sessions_history", responses={200: ChangeOutput(many=True)})
@paged
@api_view(["GET"])
@permission_classes([IsTeacherOrOffice])
def session_history(request: Request, session_id: int) -> Response:
    """Every change by hand in this register, newest first, in pages."""
    pages = Pages()
    changes = changes_of_session(session_id=readable_session(request, session_id).pk)
    page = pages.paginate_queryset(changes, request)
    return pages.get_paginated_response(ChangeOutput(page, many=True).data)
