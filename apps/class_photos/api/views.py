"""Photos of a class: add one, see whom they show, confirm, undo, finish. One review a session."""

from dataclasses import asdict
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import api_view, permission_classes
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.attendance.requests import EditsRegisters, editable_session
from apps.audit.actors import request_actor
from apps.biometrics.api.photos import refusing_photos, sent_photo
from apps.biometrics.api.serializers import PhotoJson, PhotoUpload
from apps.class_photos.api.serializers import ConfirmInput, ConfirmOutput, ReviewOutput
from apps.class_photos.selectors import photos_require, review_required, review_shown
from apps.class_photos.services.confirming import review_confirm, review_undo
from apps.class_photos.services.reviews import photo_add, photo_open, review_finish
from apps.common.api import download
from apps.common.schema import conflict
from apps.sessions.models import ClassSession

EDITING = ("session_not_open", "register_locked", "edit_time_over")
OFF = "403 class_photos_off, face_disabled, or what the permission to search lacks (search_…)."


def _review(session: ClassSession, *, code: int = status.HTTP_200_OK) -> Response:
    shown = review_shown(review=review_required(session), now=timezone.now())
    return Response(ReviewOutput(shown).data, status=code)


class ClassPhotosView(APIView):
    permission_classes = [EditsRegisters]

    @extend_schema(
        operation_id="class_photos_review",
        tags=["faces"],
        summary="The photos of the class under review, and whom they show",
        description="Ask again each second while `state` is searching. 404 no_review. " + OFF,
        responses=ReviewOutput,
    )
    def get(self, request: Request, session_id: int) -> Response:
        session, _role = editable_session(request, session_id)
        review_required(session)
        photos_require(session)  # it may have been switched off since
        return _review(session)

    @extend_schema(
        operation_id="class_photos_add",
        tags=["faces"],
        summary="Add a photo of the class, up to five",
        description="A worker searches it. The same photo again changes nothing. " + OFF + " "
        "400 roster_too_large, or why the photo cannot be read; 503 storage_unavailable.",
        request={"multipart/form-data": PhotoUpload, "application/json": PhotoJson},
        responses={201: ReviewOutput, **conflict(*EDITING, "too_many_photos")},
    )
    def post(self, request: Request, session_id: int) -> Response:
        session, role = editable_session(request, session_id)
        with refusing_photos():
            photo_add(
                session=session,
                data=sent_photo(request),
                now=timezone.now(),
                actor=request_actor(request),
                role=role,
            )
        return _review(session, code=status.HTTP_201_CREATED)

    @extend_schema(
        operation_id="class_photos_finish",
        tags=["faces"],
        summary="Delete the photos and what was found in them; marks stay",
        request=None,
        responses={204: None},
    )
    def delete(self, request: Request, session_id: int) -> Response:
        session, _role = editable_session(request, session_id)
        review = review_required(session)
        review_finish(review=review, now=timezone.now(), actor=request_actor(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


@extend_schema(
    operation_id="class_photos_confirm",
    tags=["faces"],
    request=ConfirmInput,
    responses={200: ConfirmOutput, **conflict(*EDITING, "nothing_to_confirm", "nonce_used")},
    description="Nobody becomes absent. 400 no_such_face, student_twice; 404 no_review. " + OFF,
)
@api_view(["POST"])
@permission_classes([EditsRegisters])
def confirm(request: Request, session_id: int) -> Response:
    """Mark students present by their faces: all known ones, or those that are chosen."""
    session, role = editable_session(request, session_id)
    data = ConfirmInput(data=request.data)
    data.is_valid(raise_exception=True)
    given: dict[str, Any] = data.validated_data
    bulk = review_confirm(
        session=session,
        nonce=given["nonce"],
        known=given["known"],
        chosen=[(row["face"], row["student"]) for row in given.get("chosen", [])],
        now=timezone.now(),
        actor=request_actor(request),
        role=role,
    )
    return Response(ConfirmOutput({"bulk": bulk.pk, "results": bulk.results}).data)


@extend_schema(
    operation_id="class_photos_undo",
    tags=["faces"],
    request=None,
    responses={200: ConfirmOutput, **conflict(*EDITING)},
)
@api_view(["POST"])
@permission_classes([EditsRegisters])
def undo(request: Request, session_id: int) -> Response:
    """Undo the last confirmation of this review, except marks that were changed since."""
    session, role = editable_session(request, session_id)
    bulk, results = review_undo(
        session=session, now=timezone.now(), actor=request_actor(request), role=role
    )
    rows = [asdict(result) for result in results]
    return Response(ConfirmOutput({"bulk": bulk.pk, "results": rows}).data)


@extend_schema(
    operation_id="class_photos_image",
    tags=["faces"],
    responses={(200, "image/jpeg"): OpenApiTypes.BINARY},
)
@download
@api_view(["GET"])
@permission_classes([EditsRegisters])
def image(request: Request, session_id: int, number: int) -> HttpResponse:
    """A photo under review, with the reader's name across it. Who looked is in the audit log."""
    session, _role = editable_session(request, session_id)
    jpeg = photo_open(
        session=session, number=number, now=timezone.now(), actor=request_actor(request)
    )
    headers = {"Cache-Control": "private, no-store"}
    return HttpResponse(jpeg, content_type="image/jpeg", headers=headers)
