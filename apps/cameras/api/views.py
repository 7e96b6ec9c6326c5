"""For devices with a key of their own: what they have seen. For lecturers: taking marks back."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import (
    api_view,
    authentication_classes,
    permission_classes,
    throttle_classes,
)
from rest_framework.request import Request
from rest_framework.response import Response

from apps.attendance.requests import EditsRegisters, editable_session
from apps.audit.actors import request_actor
from apps.biometrics.api.photos import refusing_photos
from apps.biometrics.images import bytes_from_base64
from apps.cameras.api.authentication import CameraAuthentication, IsCamera
from apps.cameras.api.serializers import (
    CameraEventsInput,
    CameraEventsOutput,
    CameraFrameJson,
    CameraFrameOutput,
    CameraFrameUpload,
    UndoneOutput,
)
from apps.cameras.services.frames import DeviceEvent, device_events_take, frame_add
from apps.cameras.services.marking import camera_marks_undo
from apps.common.api import throttle
from apps.common.schema import conflict

OFF = "403 face_disabled, camera_off, or what the permission to search lacks (search_…)."


@extend_schema(
    operation_id="cameras_events",
    tags=["faces"],
    description="Events are kept; they mark nobody. Pictures do: `cameras/frames`. " + OFF + " "
    "429 too_many_events.",
    request=CameraEventsInput,
    responses={200: CameraEventsOutput},
)
@api_view(["POST"])
@authentication_classes([CameraAuthentication])
@permission_classes([IsCamera])
@throttle_classes([throttle("camera")])
def events(request: Request) -> Response:
    """What a device says that it has seen: up to 100 events. One that was sent before is known."""
    data = CameraEventsInput(data=request.data)
    data.is_valid(raise_exception=True)
    items = data.validated_data["events"]
    camera: Any = request.auth  # `IsCamera` has seen to that
    results = device_events_take(
        camera=camera,
        events=[
            DeviceEvent(
                key=item["id"],
                at=item["at"],
                event_type=item["event_type"],
                student=item.get("student", ""),
                confidence=item.get("confidence"),
            )
            for item in items
        ],
        now=timezone.now(),
    )
    rows = [
        {"id": item["id"], "result": result, "reason": reason}
        for item, (result, reason) in zip(items, results, strict=True)
    ]
    return Response(CameraEventsOutput({"results": rows}).data)


@extend_schema(
    operation_id="cameras_frames",
    tags=["faces"],
    description="A worker compares its faces and forgets the picture. " + OFF + " "
    "400 clock_ahead, too_late, or why it cannot be read; 429 too_many_frames; "
    "503 storage_unavailable.",
    request={"multipart/form-data": CameraFrameUpload, "application/json": CameraFrameJson},
    responses={202: CameraFrameOutput},
)
@api_view(["POST"])
@authentication_classes([CameraAuthentication])
@permission_classes([IsCamera])
@throttle_classes([throttle("camera")])
def frames(request: Request) -> Response:
    """One picture of the room. The same `id` again says what became of it."""
    is_json = request.content_type.partition(";")[0].strip() == "application/json"
    data = (CameraFrameJson if is_json else CameraFrameUpload)(data=request.data)
    data.is_valid(raise_exception=True)
    sent = data.validated_data
    camera: Any = request.auth
    with refusing_photos():
        photo = sent["photo"]
        frame = frame_add(
            camera=camera,
            key=sent["id"],
            at=sent["at"],
            data=bytes_from_base64(photo) if is_json else bytes(photo.read()),
            now=timezone.now(),
        )
    return Response(CameraFrameOutput(frame).data, status=status.HTTP_202_ACCEPTED)


@extend_schema(
    operation_id="camera_marks_undo",
    tags=["faces"],
    request=None,
    responses={
        200: UndoneOutput,
        **conflict("session_not_open", "register_locked", "edit_time_over"),
    },
)
@api_view(["POST"])
@permission_classes([EditsRegisters])
def undo_marks(request: Request, session_id: int) -> Response:
    """Take back what cameras marked in this session; marks that were changed since stay."""
    session, role = editable_session(request, session_id)
    undone = camera_marks_undo(
        session=session, now=timezone.now(), actor=request_actor(request), role=role
    )
    return Response(UndoneOutput({"undone": undone}).data)
