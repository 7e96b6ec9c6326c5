"""Whether cameras may be used, which one speaks, and among whom its faces are searched."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.models import Student
from apps.attendance.selectors.policies import policies_for
from apps.attendance.selectors.register import register_of
from apps.cameras.models import Camera, CameraEvent, UnknownPerson
from apps.cameras.tokens import CameraToken
from apps.common.errors import NotFound, Refusal, Refused
from apps.privacy.models import SearchPermission
from apps.privacy.search_problems import SearchProblem
from apps.privacy.selectors import (
    agreed_to_search,
    camera_problem_in,
    search_permission,
    search_require,
)
from apps.recognition.services import require_faces
from apps.sessions.models import ClassSession
from apps.tenants.models import Campus
from apps.tenants.scope import current_campus_id

UNKNOWN_SEAL: Final = "unknown-face"
KEPT_DAYS: Final = 30  # of what needs no permission to search: events of the watching itself
DUE: Final = timedelta(days=1)


class CameraOff(Refusal):
    """Why a camera may not be used, before it is asked whether faces may be searched."""

    INACTIVE = "camera_off", 403, gettext_lazy("This camera is switched off.")
    FACES = "face_disabled", 403, gettext_lazy("Face verification is off on this campus.")
    NO_SESSION = (
        "no_session",
        409,
        gettext_lazy("No session whose policy allows cameras is open in the room of this camera."),
    )


def cameras_refusal() -> Refused | None:
    """Why the entered campus may use no camera now; None where it may. Two statements."""
    if not Campus.objects.filter(pk=current_campus_id(), face_enabled=True).exists():
        return CameraOff.FACES.error()
    problem = camera_problem_in(search_permission())
    return None if problem is None else problem.error()


def cameras_require() -> SearchPermission:
    """The permission under which cameras run; raises `Refused` (403: face_disabled, or a code of
    `privacy.search_problems.SearchProblem`)."""
    refusal = cameras_refusal()
    permission = search_permission()
    if refusal is not None or permission is None:
        raise refusal or SearchProblem.NOT_WRITTEN.error()
    return permission


def camera_named(*, name: str) -> Camera:
    """By its name, or its number; raises `NotFound`."""
    camera = Camera.objects.filter(name=name).first()
    if camera is None and name.isascii() and name.isdecimal():
        camera = Camera.objects.filter(pk=int(name)).first()
    if camera is None:
        raise NotFound("camera_not_found", _("There is no such camera on this campus."))
    return camera


def camera_by_token(text: str) -> Camera | None:
    """The active camera whose key this text is; None for any other text."""
    token = CameraToken.of(text)
    if token is None:
        return None
    camera = Camera.objects.filter(lookup=token.lookup, is_active=True).first()
    return camera if camera and token.proves(camera.digest) else None


@dataclass(frozen=True, kw_only=True)
class OpenRegister:
    """An open session in the room of a camera, and whom its register holds."""

    session: ClassSession
    student_ids: frozenset[int]


def open_registers(*, camera: Camera) -> list[OpenRegister]:
    """Of the sessions that are open in its room and whose policy allows cameras."""
    if camera.classroom_id is None:
        return []
    found = ClassSession.objects.filter(
        classroom=camera.classroom_id, status=ClassSession.Status.OPEN
    )
    sessions = list(found.select_related("course").order_by("pk"))
    policies = policies_for(course_ids=[one.course_id for one in sessions]) if sessions else {}
    return [
        OpenRegister(
            session=session,
            student_ids=frozenset(
                register_of(session_id=session.pk).values_list("student_id", flat=True)
            ),
        )
        for session in sessions
        if policies[session.course_id].cameras
    ]


def lately_seen(*, camera: Camera, student_ids: list[int], at: datetime) -> set[int]:
    """Who of them has made a sighting of this camera within its seconds for known people. What a
    device says that it saw marks nobody, and so keeps nobody from being marked."""
    within = timedelta(seconds=camera.known_seconds)
    events = CameraEvent.objects.filter(
        camera=camera,
        student__in=student_ids,
        event_type=CameraEvent.Type.RECOGNIZED,
        key="",
        at__gt=at - within,
        at__lt=at + within,
    )
    return {pk for pk in events.values_list("student_id", flat=True) if pk is not None}


def marked_by_camera(*, session: ClassSession, student_ids: list[int]) -> set[int]:
    """Whom a camera has marked in this session before, also where that was taken back."""
    events = CameraEvent.objects.filter(
        session=session, student__in=student_ids, bulk__isnull=False
    )
    return {pk for pk in events.values_list("student_id", flat=True) if pk is not None}


def unknown_of(*, pk: int) -> UnknownPerson:
    """One that waits for a decision; raises `NotFound`."""
    person = UnknownPerson.objects.filter(pk=pk, status=UnknownPerson.Status.OPEN).first()
    if person is None:
        raise NotFound("unknown_not_found", _("There is no such unknown person to decide on."))
    return person


def student_coded(*, code: str) -> Student | None:
    return Student.objects.filter(code__iexact=code).first()


def faces_with_people(found: dict[str, Any]) -> list[dict[str, Any]]:
    """What a search by a photo found, with the names of those who agree now; four statements.

    Raises `Refused` (403) where no photo could be searched now: a code of
    `privacy.search_problems.SearchProblem`, or face_disabled.
    """
    permission = search_require(covers=SearchPermission.Covers.CAMPUS)
    require_faces()
    faces = found.get("faces", [])
    wanted = {each["id"] for face in faces for each in face["students"]}
    agreed = agreed_to_search(permission).filter(student_id__in=wanted)
    students = Student.objects.in_bulk(agreed.order_by().values_list("student_id", flat=True))
    return [_with_people(face, students) for face in faces]


def _with_people(face: dict[str, Any], students: dict[int, Student]) -> dict[str, Any]:
    named = [
        {"student": students[each["id"]], "percent": round(100 * each["confidence"])}
        for each in face["students"]
        if each["id"] in students
    ]
    return {"answer": face["answer"] if named else "unknown", "students": named}
