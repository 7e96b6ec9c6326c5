"""Who gets which answer where: one table, walked by `test_permissions.py`.

Adding an address: add a `Row` with the route exactly as the resolver knows it (the failing test
prints it), and one status per role. `PASSES` means “the role may; what happens then depends on
the body”: anything below 500 except 401, 403 and 404.

Rows with an id name an object of campus “north”. The same table tests tenancy: every row is
also visited by the people of campus “south”, on both hosts, and must never answer them.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import time, timedelta
from typing import Any, Final

from allauth.usersessions.models import UserSession
from django.utils import timezone

from apps.accounts.models import User
from apps.attendance.models import AttendanceRecord, BulkChange, CustomStatus, Policy
from apps.attendance.services.register import register_open
from apps.audit.services import SYSTEM
from apps.biometrics.models import FaceSample, StoredImage
from apps.checkin.models import CheckInAttempt, RapidCodeChallenge
from apps.class_photos.models import ClassPhoto, PhotoFace, PhotoReview
from apps.imports.models import ImportRun
from apps.integrity.models import Finding
from apps.jobs.models import Job
from apps.leave.attachments import AttachmentFile
from apps.leave.services.appeals import appeal_create
from apps.leave.services.leave import Absence, leave_request
from apps.lti.models import LtiLink, LtiPlatform
from apps.privacy.models import Consent
from apps.qr_otp.selectors import shown_code
from apps.sessions.models import ClassSession
from apps.sessions.services import CHECK_IN, subject_of
from apps.tenants.scope import campus_scope
from apps.timetable.models import Holiday, WeeklySlot
from apps.timetable.services import calendar_link_create
from tests.class_photos.support import allow_photos
from tests.factories import PASSWORD, Cast, make_session

PASSES: Final = 0
SUPER_ADMIN: Final = "root@platform.example"

# role → the account of the cast that plays it
ROLES: Final[dict[str, Callable[[Cast], User | None]]] = {
    "anonymous": lambda cast: None,
    "student": lambda cast: cast.student.user,
    "classmate": lambda cast: cast.classmate.user,
    "stranger": lambda cast: cast.stranger.user,
    "faculty": lambda cast: cast.lecturer.user,
    "outsider": lambda cast: cast.outsider.user,
    "operator": lambda cast: cast.operator,
    "principal": lambda cast: cast.principal,
    "admin": lambda cast: cast.admin,
    "super_admin": lambda cast: (
        User.objects.filter(email=SUPER_ADMIN).first()
        or User.objects.create_superuser(SUPER_ADMIN, PASSWORD)
    ),
}
STUDENTS: Final = ("student", "classmate", "stranger")
FACULTY: Final = ("faculty", "outsider")
OFFICE: Final = ("operator", "principal", "admin", "super_admin")
ADMINS: Final = ("admin", "super_admin")
KEY_OWNERS: Final = (*FACULTY, "operator", "principal", "admin")

Answers = dict[str, int]


def everybody(status: int) -> Answers:
    return dict.fromkeys(ROLES, status)


def signed_in(status: int) -> Answers:
    return {**everybody(status), "anonymous": 401}


def only(*roles: str, status: int = PASSES, others: int = 403, **exceptions: int) -> Answers:
    """`status` for these roles, 401 for nobody, `others` for the rest, but for the exceptions."""
    return {**signed_in(others), **dict.fromkeys(roles, status), **exceptions}


# An object of the lecturer's: the other lecturer must not even learn that it exists.
OWN_SESSION: Final = only("faculty", outsider=404)
# Administrators correct any register.
OWN_REGISTER: Final = only("faculty", *ADMINS, outsider=404)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One route and method, and what each role is answered."""

    route: str
    method: str = "get"
    answers: Answers
    # The route's arguments: ids of objects of the given cast's campus, which is entered.
    arguments: Callable[[Cast], dict[str, Any]] = field(default=lambda cast: {})
    body: dict[str, Any] = field(default_factory=dict)
    # Answered without any campus: schema, health. There is nothing of a tenant to find.
    public: bool = False

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.route}"

    def arguments_in(self, cast: Cast) -> dict[str, Any]:
        with campus_scope(cast.campus):
            return self.arguments(cast)


def fixed(arguments: dict[str, Any]) -> Callable[[Cast], dict[str, Any]]:
    return lambda cast: arguments


def a_session(cast: Cast) -> dict[str, Any]:
    """A scheduled session of the lecturer that may be opened now."""
    starts_at = timezone.now() + timedelta(minutes=1)
    return {"session_id": make_session(cast.course, starts_at=starts_at).pk}


def a_status(cast: Cast) -> dict[str, Any]:
    fields = {"name": "Field trip", "meaning": "excused", "points": 0, "counts_as": "neutral"}
    return {"status_id": CustomStatus.objects.get_or_create(code="trip", defaults=fields)[0].pk}


def the_open_session(cast: Cast) -> ClassSession:
    """A course has one at a time: the fuzz asks for it in several rows."""
    known = ClassSession.objects.filter(course=cast.course, status=ClassSession.Status.OPEN).first()
    if known is not None:
        return known
    now = timezone.now()
    session = make_session(cast.course, starts_at=now - timedelta(minutes=1))
    return register_open(session=session, topic="Sorting", now=now, actor=SYSTEM)


def a_link(cast: Cast) -> dict[str, Any]:
    now = timezone.now()
    session = the_open_session(cast)
    code = shown_code(purpose=CHECK_IN, subject=subject_of(session.pk), now=now)
    return {"token": code.token if code else ""}


def a_photo_review(cast: Cast) -> dict[str, Any]:
    now = timezone.now()
    session = a_session(cast)
    if not Policy.objects.filter(class_photos=True).exists():
        allow_photos(now)
    PhotoReview.objects.create(**session, started_at=now, delete_after=now + timedelta(hours=1))
    return session


def a_confirmed_photo(cast: Cast) -> dict[str, Any]:
    now = timezone.now()
    session = the_open_session(cast)
    review = PhotoReview.objects.create(session=session, started_at=now, delete_after=now)
    photo = ClassPhoto.objects.create(review=review, number=1, added_at=now)
    box = dict.fromkeys(("number", "left", "top", "width", "height"), 1)
    bulk = BulkChange.objects.create(session=session, nonce=uuid.uuid4().hex, at=now)
    PhotoFace.objects.create(photo=photo, meaning="unknown", bulk=bulk, **box)
    return {"session_id": session.pk}


def an_open_session(cast: Cast) -> dict[str, Any]:
    return {"session_id": the_open_session(cast).pk}


def a_course(cast: Cast) -> dict[str, Any]:
    return {"course_id": cast.course.pk}


def a_student(cast: Cast) -> dict[str, Any]:
    return {"student_id": cast.student.pk}


def a_lecturer(cast: Cast) -> dict[str, Any]:
    return {"faculty_id": cast.lecturer.pk}


def a_subject(cast: Cast) -> dict[str, Any]:
    return {"subject_id": cast.course.subject_id}


def an_attempt(cast: Cast) -> dict[str, Any]:
    """An attempt of `student`."""
    attempt = CheckInAttempt.objects.create(
        session=make_session(cast.course, starts_at=timezone.now()),
        student=cast.student,
        nonce=uuid.uuid4().hex,
        method="qr",
        outcome="refused",
        received_at=timezone.now(),
    )
    return {"attempt_id": attempt.pk}


def a_finding(cast: Cast) -> dict[str, Any]:
    """A finding about `student` in the lecturer's session."""
    where = a_session(cast)
    finding = Finding.objects.create(
        student=cast.student, kind="slow_redeem", score="0.5", at=timezone.now(), **where
    )
    return {**where, "finding_id": finding.pk}


def a_challenge(cast: Cast) -> dict[str, Any]:
    where = a_session(cast)
    RapidCodeChallenge.objects.create(first_window=1, started_at=timezone.now(), **where)
    return where


def a_face_sample(cast: Cast) -> dict[str, Any]:
    """A pending photo of `student`, as a row: nothing lies in storage."""
    now = timezone.now()
    sample = FaceSample.objects.create(
        student=cast.student,
        consent=Consent.objects.create(
            student=cast.student, kind=Consent.Kind.FACE, version="2026-2", given_at=now
        ),
        image=StoredImage.objects.create(
            id=uuid.uuid4(), key=uuid.uuid4().hex, size=1, stored_at=now
        ),
        created_at=now,
    )
    return {"sample_id": sample.pk}


SCIM_ROUTES: Final[dict[str, dict[str, Any]]] = {
    "Users": {},
    "Users/<str:person_id>": {"person_id": "1"},
    "ServiceProviderConfig": {},
    "ResourceTypes": {},
    "ResourceTypes/<str:name>": {"name": "User"},
    "Schemas": {},
    "Schemas/<str:name>": {"name": "x"},
    "<path:rest>": {"rest": "Groups"},
}
_OBJECT: Final = {"name": "classes", "sourced_id": "class-1"}
_INMOST: Final = {**_OBJECT, "inner": "students", "inner_id": "x", "inmost": "results"}
ONEROSTER_ROUTES: Final[dict[str, dict[str, Any]]] = {
    f"{service}/v1p2/{route}": arguments
    for service in ("rostering", "gradebook")
    for route, arguments in {
        "<str:name>": {"name": "users"},
        "<str:name>/<str:sourced_id>": _OBJECT,
        "<str:name>/<str:sourced_id>/<str:inner>": {**_OBJECT, "inner": "students"},
        "<str:name>/<str:sourced_id>/<str:inner>/<str:inner_id>/<str:inmost>": _INMOST,
    }.items()
} | {"<path:rest>": {"rest": "resources/v1p2/resources"}}
PUBLIC_ROWS = [
    Row(route="healthz", answers=everybody(200), public=True),
    Row(route="readyz", answers=everybody(200), public=True),
    # Its key is METRICS_TOKEN, which no person has.
    Row(route="metrics", answers=everybody(404), public=True),
    Row(route="api/version", answers=signed_in(200)),
    Row(route="api/schema/", answers=everybody(200), public=True),
    Row(route="api/docs/", answers=everybody(200), public=True),
    # Its keys are a directory's, and no person's.
    *(
        Row(
            route=f"scim/v2/{route}",
            answers=everybody(401),
            public=True,
            arguments=fixed(arguments),
        )
        for route, arguments in SCIM_ROUTES.items()
    ),
    # Its tokens are another system's, and no person's.
    *(
        Row(
            route=f"ims/oneroster/{route}",
            answers=everybody(401),
            public=True,
            arguments=fixed(arguments),
        )
        for route, arguments in ONEROSTER_ROUTES.items()
    ),
    Row(route="ims/oneroster/token", method="post", answers=everybody(400), public=True),
]

PEOPLE_ROWS = [
    Row(route="api/v1/me", answers=signed_in(200)),
    Row(route="api/v1/me/device", answers=only(*STUDENTS, status=200)),
    Row(route="api/v1/me/device", method="post", answers=only(*STUDENTS, status=400)),
    Row(route="api/v1/me/device/challenge", method="post", answers=only(*STUDENTS, status=200)),
    Row(
        route="api/v1/me/device/passkey-challenge",
        method="post",
        answers=only(*STUDENTS, status=400),
    ),
    Row(route="api/v1/me/device/passkey", method="post", answers=only(*STUDENTS, status=400)),
    Row(route="api/v1/me/passkeys", answers=only(*STUDENTS, status=200)),
    *(
        # 404: they may, and no device is bound.
        Row(route="api/v1/me/device/rebind", method=method, answers=only(*STUDENTS, status=404))
        for method in ("post", "delete")
    ),
    Row(
        route="api/v1/students/<int:student_id>/device",
        arguments=a_student,
        answers=only("admin", "operator", "super_admin", status=200),
    ),
    Row(
        route="api/v1/students/<int:student_id>/device/reset",
        method="post",
        arguments=a_student,
        body={"reason": "lost"},
        # 404: they may, and this student has no device.
        answers=only("admin", "operator", "super_admin", status=404),
    ),
    Row(
        route="api/v1/students/<int:student_id>/passkeys",
        arguments=a_student,
        answers=only("admin", "operator", "super_admin", status=200),
    ),
    Row(
        route="api/v1/students/<int:student_id>/passkeys/<int:passkey_id>/remove",
        method="post",
        arguments=lambda cast: {**a_student(cast), "passkey_id": 1},
        body={"reason": "lost"},
        # 404: they may, and this student has no passkey.
        answers=only("admin", "operator", "super_admin", status=404),
    ),
    Row(route="api/v1/me/consents", answers=only(*STUDENTS, status=200)),
    Row(route="api/v1/me/consents", method="post", answers=only(*STUDENTS, status=400)),
    Row(
        route="api/v1/me/consents/<slug:kind>/withdraw",
        method="post",
        arguments=lambda cast: {"kind": "face"},
        answers=only(*STUDENTS, status=404),  # none was given
    ),
]

LIST_ROWS = [
    *(
        Row(route=f"api/v1/{name}", answers=signed_in(200))
        for name in ("students", "faculty", "courses", "enrollments")
    ),
    *(
        Row(route=f"api/v1/{name}", answers=only(*FACULTY, *OFFICE, status=200))
        for name in ("terms", "departments", "sections", "subjects", "classrooms")
    ),
    # 400: nothing is asked for.
    Row(route="api/v1/search", answers=signed_in(400)),
    Row(
        route="api/v1/students",
        method="post",
        answers=only("admin", "operator", "super_admin", status=400),
    ),
    Row(route="api/v1/faculty", method="post", answers=only(*ADMINS, status=400)),
    # Who may see a person or a course, and nobody else learns that there is one.
    Row(
        route="api/v1/students/<int:student_id>",
        arguments=a_student,
        answers=only("student", "faculty", *OFFICE, status=200, others=404),
    ),
    Row(
        route="api/v1/faculty/<int:faculty_id>",
        arguments=a_lecturer,
        answers=only("student", "classmate", "faculty", *OFFICE, status=200, others=404),
    ),
    Row(
        route="api/v1/courses/<int:course_id>",
        arguments=a_course,
        answers=only("student", "classmate", "faculty", *OFFICE, status=200, others=404),
    ),
    Row(
        route="api/v1/subjects/<int:subject_id>",
        arguments=a_subject,
        answers=only(*FACULTY, *OFFICE, status=200),
    ),
    Row(
        route="api/v1/classrooms/<int:classroom_id>",
        arguments=lambda cast: {"classroom_id": cast.classroom.pk},
        answers=only(*FACULTY, *OFFICE, status=200),
    ),
    *(
        Row(
            route=f"api/v1/{route}{tail}",
            method=method,
            arguments=arguments,
            answers=only(*roles, status=status),
        )
        for route, arguments, refusal, roles in (
            ("students/<int:student_id>", a_student, 204, ("operator", *ADMINS)),
            ("faculty/<int:faculty_id>", a_lecturer, 204, ADMINS),
            ("subjects/<int:subject_id>", a_subject, 409, ADMINS),  # an active course teaches it
        )
        for tail, method, status in (("", "delete", refusal), ("/activate", "post", 204))
    ),
]

MESSAGE_ROWS = [
    Row(route="api/v1/me/push-tokens", answers=signed_in(200)),
    Row(route="api/v1/me/push-tokens", method="post", answers=signed_in(400)),
    Row(
        route="api/v1/me/push-tokens/<slug:device_type>",
        method="delete",
        arguments=lambda cast: {"device_type": "android"},
        answers=signed_in(404),  # none is registered
    ),
    Row(route="api/v1/me/notifications", answers=signed_in(200)),
    Row(route="api/v1/me/notifications/read", method="post", answers=signed_in(200)),
    Row(route="api/v1/me/notification-preferences", answers=signed_in(200)),
    Row(
        route="api/v1/me/notification-preferences",
        method="put",
        body={"kinds": [], "quiet_hours": None},
        answers=signed_in(200),
    ),
    Row(
        route="api/v1/notifications/history",
        answers=only("admin", "operator", "super_admin", status=200),
    ),
    Row(route="api/v1/announcements", answers=only(*STUDENTS, status=200)),
    Row(
        route="api/v1/announcements",
        method="post",
        body={"title": "Room", "message": "We meet in 102.", "nonce": "1"},
        answers=signed_in(403),  # none of these is a class representative
    ),
    Row(route="api/v1/announcements/received", answers=only(*STUDENTS, status=200)),
]

SESSION_ROWS = [
    Row(route="api/v1/sessions", answers=only(*FACULTY, status=200)),
    Row(route="api/v1/sessions/start", method="post", answers=only(*FACULTY, status=400)),
    Row(
        route="api/v1/sessions/<int:session_id>",
        arguments=a_session,
        answers=only("faculty", status=200, outsider=404),
    ),
    Row(
        route="api/v1/sessions/<int:session_id>/open",
        method="post",
        arguments=a_session,
        body={"topic": "Sorting"},
        answers=OWN_SESSION,
    ),
    Row(
        route="api/v1/sessions/<int:session_id>/board",
        arguments=a_session,
        answers=OWN_SESSION,
    ),
    Row(
        route="api/v1/sessions/<int:session_id>/scan-log",
        arguments=a_session,
        answers=OWN_SESSION,
    ),
    Row(
        route="api/v1/sessions/<int:session_id>/mark",
        method="post",
        arguments=a_session,
        body={"student": 2**31 - 1, "status": "present", "reason": "seen"},
        answers=OWN_REGISTER,
    ),
    Row(
        route="api/v1/sessions/<int:session_id>/mark-bulk",
        method="post",
        arguments=a_session,
        body={
            "nonce": "n0nce-of-row",
            "marks": [{"student": 2**31 - 1, "status": "present", "was": ""}],
        },
        answers=OWN_REGISTER,
    ),
    Row(
        route="api/v1/sessions/<int:session_id>/take",
        method="post",
        arguments=a_session,
        body={"nonce": "n0nce-of-row", "topic": "T", "marks": []},
        answers=OWN_REGISTER,
    ),
    Row(
        route="api/v1/sessions/<int:session_id>/undo",
        method="post",
        arguments=a_session,
        body={"bulk": "all"},
        answers={**OWN_REGISTER, **dict.fromkeys(("faculty", *ADMINS), 400)},
    ),
    Row(
        route="api/v1/sessions/<int:session_id>/history",
        arguments=a_session,
        answers=only("faculty", *OFFICE, status=200, outsider=404),
    ),
    Row(
        route="api/v1/sessions/<int:session_id>/class-photos",
        arguments=a_photo_review,
        answers=OWN_REGISTER,
    ),
    *(
        Row(
            route=f"api/v1/sessions/<int:session_id>/class-photos{part}",
            method="post",
            arguments=a_session,
            answers={**OWN_REGISTER, **dict.fromkeys(("faculty", *ADMINS), 400)},
        )
        for part in ("", "/confirm")
    ),
    Row(
        route="api/v1/sessions/<int:session_id>/class-photos",
        method="delete",
        arguments=a_photo_review,
        answers=OWN_REGISTER,
    ),
    Row(
        route="api/v1/sessions/<int:session_id>/class-photos/undo",
        method="post",
        arguments=a_confirmed_photo,
        answers=OWN_REGISTER,
    ),
    Row(
        route="api/v1/sessions/<int:session_id>/camera-marks/undo",
        method="post",
        arguments=a_session,
        answers=OWN_REGISTER,
    ),
    # There is no photo, but its session is found.
    Row(
        route="api/v1/sessions/<int:session_id>/class-photos/<int:number>",
        arguments=lambda cast: {**a_session(cast), "number": 1},
        answers={**OWN_REGISTER, **dict.fromkeys(("faculty", *ADMINS), 404)},
    ),
    Row(route="api/v1/statuses", answers=signed_in(200)),
    Row(
        route="api/v1/statuses",
        method="post",
        body={"code": "trip", "name": "Field trip"},
        answers=only(*ADMINS, status=400),
    ),
    Row(
        route="api/v1/statuses/<int:status_id>",
        method="patch",
        arguments=a_status,
        body={"name": "Excursion"},
        answers=only(*ADMINS, status=200),
    ),
    Row(
        route="api/v1/sessions/<int:session_id>/one-time-code",
        method="post",
        arguments=a_session,
        body={"whole_class": True},
        answers=OWN_SESSION,
    ),
    Row(
        route="api/v1/sessions/<int:session_id>/waiting",
        arguments=a_session,
        answers=only("faculty", *OFFICE, status=200, outsider=404),
    ),
    Row(
        route="api/v1/sessions/<int:session_id>/waiting/decide",
        method="post",
        arguments=a_session,
        body={"attempts": ["5f0f2d4e-9a57-4f6b-8a1e-6a5d3f1f2c77"], "accept": True},
        answers=OWN_REGISTER,
    ),
    Row(
        route="api/v1/sessions/<int:session_id>/complete",
        method="post",
        arguments=a_session,
        answers=OWN_SESSION,
    ),
    Row(
        route="api/v1/sessions/<int:session_id>/cancel",
        method="post",
        arguments=a_session,
        body={"reason": "ill"},
        answers=OWN_SESSION,
    ),
    *(
        Row(
            route=f"api/v1/sessions/<int:session_id>/{what}",
            method=method,
            arguments=arguments,
            answers=only("faculty", status=status, outsider=404),
        )
        for what, method, arguments, status in (
            ("findings", "get", a_session, 200),
            ("findings", "post", a_session, 200),
            ("findings/<int:finding_id>/dismiss", "post", a_finding, 400),
            ("rapid-codes", "post", a_session, 409),  # the session is not open
            ("rapid-codes", "get", a_challenge, 200),
        )
    ),
    Row(
        route="api/v1/courses/<int:course_id>/start-codes",
        method="post",
        arguments=a_course,
        answers=only("faculty", outsider=404),
    ),
]

CHECK_IN_ROWS = [
    Row(
        route="api/v1/check-in/redeem",
        method="post",
        body={"token": "nonsense"},
        answers=only(*STUDENTS, status=400),
    ),
    Row(
        route="api/v1/check-in/offline",
        method="post",
        answers=only(*STUDENTS, status=400),
    ),
    Row(
        route="api/v1/check-in/rapid-code",
        method="post",
        body={"token": "nonsense"},
        answers=only(*STUDENTS, status=400),
    ),
    # Whose check-in it is says the ticket inside; the body is read before anybody is asked for.
    Row(route="api/v1/check-in", method="post", answers=signed_in(400)),
    Row(
        route="api/v1/check-in/attempts/<uuid:attempt_id>",
        arguments=an_attempt,
        answers=only("student", status=200, classmate=404, stranger=404),
    ),
]

FACE_ROWS = [
    Row(route="api/v1/me/face-samples", answers=only(*STUDENTS, status=200)),
    Row(route="api/v1/me/face-samples", method="post", answers=only(*STUDENTS, status=400)),
    Row(
        route="api/v1/me/face-samples/<int:sample_id>",
        method="delete",
        arguments=a_face_sample,
        answers=only("student", status=204, classmate=404, stranger=404),
    ),
    Row(
        route="api/v1/students/<int:student_id>/face-samples",
        method="post",
        arguments=a_student,
        answers=only("admin", "super_admin", status=400),
    ),
    Row(
        route="api/v1/face-verifications/metrics",
        answers=only("admin", "super_admin", status=200),
    ),
]


def a_slot(cast: Cast) -> dict[str, Any]:
    slot = WeeklySlot.objects.create(
        course=cast.course, weekday=1, starts_at=time(10), ends_at=time(11)
    )
    return {"slot_id": slot.pk}


def a_holiday(cast: Cast) -> dict[str, Any]:
    holiday = Holiday.objects.create(name="H", first_day="2026-12-24", last_day="2026-12-26")
    return {"holiday_id": holiday.pk}


def a_planned_session(cast: Cast) -> dict[str, Any]:
    """A session of the lecturer some days ahead."""
    starts_at = timezone.now() + timedelta(days=3)
    return {"session_id": make_session(cast.course, starts_at=starts_at, is_planned=True).pk}


def a_calendar(cast: Cast) -> dict[str, Any]:
    """The student's feed: anyone who knows its address may read it."""
    return {"token": calendar_link_create(user=cast.student.user, now=timezone.now(), actor=SYSTEM)}


PLANNERS: Final = (*FACULTY, "operator", "admin", "super_admin")
PLANNING_OFFICE: Final = ("operator", "admin", "super_admin")
MY_PLAN: Final = only(*PLANNERS, outsider=404)

TIMETABLE_ROWS = [
    Row(route="api/v1/me/schedule", answers=only(*STUDENTS, *FACULTY, status=200)),
    Row(
        route="api/v1/me/calendar-link",
        method="post",
        answers=only(*STUDENTS, *FACULTY, status=201),
    ),
    Row(
        route="api/v1/me/calendar-link",
        method="delete",
        answers=only(*STUDENTS, *FACULTY, status=404),  # none was made
    ),
    Row(route="api/v1/faculty/dashboard", answers=only(*FACULTY, status=200)),
    Row(route="api/v1/timetable/sessions", answers=only(*PLANNERS, status=200)),
    Row(route="api/v1/timetable/sessions", method="post", answers=only(*PLANNERS, status=400)),
    Row(
        route="api/v1/timetable/sessions/<int:session_id>",
        method="patch",
        arguments=a_planned_session,
        answers=MY_PLAN,
    ),
    Row(
        route="api/v1/timetable/sessions/<int:session_id>",
        method="delete",
        arguments=a_planned_session,
        answers=MY_PLAN,
    ),
    *(
        Row(
            route=f"api/v1/timetable/sessions/<int:session_id>/{what}",
            method="post",
            arguments=a_planned_session,
            body=body,
            answers=MY_PLAN,
        )
        for what, body in (
            ("reschedule", {"starts_at": "2026-09-14T08:00:00Z"}),
            ("swap", {}),
            ("cancel", {"note": "ill"}),
        )
    ),
    *(
        Row(
            route=f"api/v1/timetable/{what}",
            method=method,
            answers=only(*PLANNING_OFFICE, status=status),
        )
        for what, method, status in (
            ("slots", "get", 200),
            ("slots", "post", 400),
            ("holidays", "get", 200),
            ("holidays", "post", 400),
            ("generate", "post", 400),
        )
    ),
    *(
        Row(
            route=route,
            method=method,
            arguments=arguments,
            answers=only(*PLANNING_OFFICE, status=200),
        )
        for route, arguments in (
            ("api/v1/timetable/slots/<int:slot_id>", a_slot),
            ("api/v1/timetable/holidays/<int:holiday_id>", a_holiday),
        )
        for method in ("patch", "delete")
    ),
    Row(
        route="calendar/<str:token>.ics",
        arguments=a_calendar,
        answers=everybody(200),
        public=True,
    ),
]


def page_for(*roles: str, status: int = PASSES, others: int = 403, **exceptions: int) -> Answers:
    """A portal page: these roles pass, nobody is sent to sign in, the rest are refused."""
    return {**only(*roles, status=status, others=others, **exceptions), "anonymous": 302}


OWN_PAGE: Final = page_for("faculty", outsider=404)

PORTAL_ROWS = [
    *(Row(route=route, answers=everybody(302)) for route in ("", "start/")),
    *(
        Row(route=route, answers={**everybody(200), "anonymous": 302})
        for route in ("continue", "form-token")
    ),
    Row(route="teach/", answers=page_for(*FACULTY)),
    Row(route="teach/start", method="post", answers=page_for(*FACULTY)),
    Row(route="teach/courses/", answers=page_for(*FACULTY)),
    *(
        Row(
            route=f"teach/courses/<int:course_id>/{page}",
            method=method,
            arguments=a_course,
            answers=OWN_PAGE,
        )
        for page, method in (("", "get"), ("plan", "get"), ("plan", "post"))
    ),
    Row(route="attendance/", answers=page_for(*STUDENTS)),
    # Open to everybody, who sign in there; the link itself is no secret of a campus.
    *(
        Row(
            route=route,
            arguments=a_link,
            answers={**only(*STUDENTS, status=200), "anonymous": 200},
            public=True,
        )
        for route in ("C/<str:token>", "c/<str:token>", "C", "c")
    ),
    # Neither says anything of a person but the reader's own number.
    Row(route="c/scan", answers=everybody(200), public=True),
    Row(route="c/state", answers=everybody(200), public=True),
    Row(route="home/", answers=page_for(*STUDENTS)),
    Row(route="more/", answers=page_for(*STUDENTS)),
    Row(route="overview/", answers=page_for(*OFFICE)),
    Row(route="requests/", answers=page_for(*FACULTY, *OFFICE)),
    Row(route="health/", answers=page_for("operator", "admin", "super_admin")),
    Row(route="registers/not-taken/", answers=page_for(*FACULTY, *OFFICE)),
    Row(route="week/", answers=page_for(*STUDENTS, *FACULTY)),
    Row(route="week/calendar-link", method="post", answers=page_for(*STUDENTS, *FACULTY)),
    *(
        Row(
            route=f"teach/sessions/<int:session_id>/{page}",
            method=method,
            arguments=a_session,
            answers=OWN_PAGE,
            body=body,
        )
        for page, method, body in (
            ("", "get", {}),
            ("projector", "get", {}),
            ("board", "get", {}),
            ("start", "post", {"topic": "T"}),
            ("mark", "post", {"student": 1, "status": "present"}),
            ("complete", "post", {}),
            ("code", "get", {}),
            ("code", "post", {}),
            ("waiting", "get", {}),
            ("waiting", "post", {}),
            ("history", "get", {}),
            ("undo", "post", {}),
            ("undo-cameras", "post", {}),
            ("findings", "get", {}),
            ("findings", "post", {}),
            ("rapid-codes", "post", {}),
            ("off", "post", {}),
            ("photo", "get", {}),
            ("photo", "post", {}),
            ("photo/confirm", "post", {}),
            ("photo/undo", "post", {}),
            ("plan", "get", {}),
            ("plan/move", "post", {}),
            ("plan/swap", "post", {}),
            ("plan/cancel", "post", {"note": "The lecturer is ill."}),
            ("plan/substitute", "post", {}),
        )
    ),
    Row(
        route="teach/sessions/<int:session_id>/photo/finish",
        method="post",
        arguments=a_photo_review,
        answers=OWN_PAGE,
    ),
    # There is no photo, but its session is found.
    Row(
        route="teach/sessions/<int:session_id>/photo/<int:number>",
        arguments=lambda cast: {**a_session(cast), "number": 1},
        answers={**OWN_PAGE, "faculty": 404},
    ),
]

IMPORTERS: Final = ("admin", "operator", "super_admin")


def an_import(cast: Cast) -> dict[str, Any]:
    """A checked upload, as a row: nothing lies in storage."""
    run = ImportRun.objects.create(
        kind="students",
        filename="s.xlsx",
        size=1,
        sha256="0" * 64,
        status=ImportRun.Status.CHECKED,
        created_at=timezone.now(),
    )
    return {"run_id": run.pk}


IMPORT_ROWS = [
    Row(route="api/v1/imports", answers=only(*IMPORTERS, status=200)),
    Row(route="api/v1/imports", method="post", answers=only(*IMPORTERS, status=400)),
    Row(route="api/v1/imports/kinds", answers=only(*IMPORTERS, status=200)),
    Row(
        route="api/v1/imports/templates/<str:kind>.xlsx",
        arguments=lambda cast: {"kind": "students"},
        answers=only(*IMPORTERS, status=200),
    ),
    Row(
        route="api/v1/imports/<int:run_id>",
        arguments=an_import,
        answers=only(*IMPORTERS, status=200),
    ),
    *(
        Row(
            route=f"api/v1/imports/<int:run_id>/{page}",
            method=method,
            arguments=an_import,
            answers=only(*IMPORTERS, status=status),
        )
        for page, method, status in (
            ("mapping", "put", 202),
            ("answers", "put", 400),  # answers to nothing
            ("commit", "post", 409),  # nobody checked it: with other rights than the reader's
            ("cancel", "post", 409),
            ("errors.xlsx", "get", 404),
        )
    ),
]

# Stored with each request of a row: a file that starts and ends like a PDF.
ATTACHMENT: Final = AttachmentFile(data=b"%PDF-1.7 certificate %%EOF", kind="application/pdf")


def a_leave(cast: Cast) -> dict[str, Any]:
    """A request of `student` that names the lecturer's course, with its certificate."""
    now = timezone.now()
    absence = Absence(
        starts_at=now,
        ends_at=now + timedelta(days=1),
        category="medical",
        reason="Operation",
        course_id=cast.course.pk,
    )
    leave, _made = leave_request(
        student=cast.student,
        absence=absence,
        nonce=uuid.uuid4().hex,
        file=ATTACHMENT,
        now=now,
        actor=SYSTEM,
    )
    return {"leave_id": leave.pk}


def a_record(cast: Cast) -> dict[str, Any]:
    """`student` was absent in a session of the lecturer that has just ended."""
    now = timezone.now()
    session = make_session(
        cast.course,
        starts_at=now - timedelta(hours=2),
        status="completed",
        opened_at=now,
        topic=uuid.uuid4().hex,
    )
    record = AttendanceRecord.objects.create(
        session=session, student=cast.student, status="absent", source="closing", recorded_at=now
    )
    return {"record_id": record.pk}


def an_appeal(cast: Cast) -> dict[str, Any]:
    appeal, _made = appeal_create(
        student=cast.student,
        mark=AttendanceRecord.objects.get(pk=a_record(cast)["record_id"]),
        wanted="present",
        text="I was there.",
        nonce=uuid.uuid4().hex,
        file=ATTACHMENT,
        now=timezone.now(),
        actor=SYSTEM,
    )
    return {"appeal_id": appeal.pk}


def a_sign_in(cast: Cast) -> dict[str, Any]:
    row = UserSession.objects.create(
        user=cast.student.user, session_key=uuid.uuid4().hex, ip="192.0.2.1", user_agent="x"
    )
    return {"sign_in_id": row.pk}


OWN_STUDENT_ROWS = [
    *(
        Row(route=route, answers=page_for(*STUDENTS))
        for route in ("devices/", "consents/", "face/", "class/")
    ),
    *(
        Row(route=route, method="post", answers=page_for(*STUDENTS))
        for route in ("devices/replace", "devices/lost", "devices/sign-out", "face/")
    ),
    *(
        Row(
            route=f"consents/<slug:kind>/{act}",
            method="post",
            arguments=lambda _cast: {"kind": "face"},
            answers=page_for(*STUDENTS),
        )
        for act in ("give", "withdraw")
    ),
    Row(
        route="devices/sign-out/<int:sign_in_id>",
        method="post",
        arguments=a_sign_in,
        answers=page_for("student", classmate=404, stranger=404),
    ),
    Row(
        route="face/<int:sample_id>/remove",
        method="post",
        arguments=a_face_sample,
        answers=page_for("student", classmate=404, stranger=404),
    ),
    # The cast's representative plays no role of the table: tests/portal/student/.
    *(Row(route="class/write", method=method, answers=page_for()) for method in ("get", "post")),
    Row(route="manifest.webmanifest", answers=everybody(200), public=True),
    Row(
        route="language",
        method="post",
        body={"language": "en"},
        answers=everybody(302),
        public=True,
    ),
]

STUDENT_PAGE_ROWS = [
    Row(route="leave/", answers=page_for(*STUDENTS)),
    *(
        Row(route="leave/ask", method=method, answers=page_for(*STUDENTS))
        for method in ("get", "post")
    ),
    *(
        Row(
            route="attendance/<int:record_id>/appeal",
            method=method,
            arguments=a_record,
            answers=page_for("student", classmate=404, stranger=404),
        )
        for method in ("get", "post")
    ),
    *(
        Row(
            route=route,
            method="post",
            arguments=arguments,
            answers=page_for("student", classmate=404, stranger=404),
        )
        for route, arguments in (
            ("leave/<int:leave_id>/withdraw", a_leave),
            ("attendance/appeals/<int:appeal_id>/withdraw", an_appeal),
        )
    ),
    *(
        Row(route=route, method=method, answers=page_for(*STUDENTS, *FACULTY, *OFFICE))
        for route, method in (
            ("messages/", "get"),
            ("messages/read", "post"),
            ("messages/preferences", "get"),
            ("messages/preferences", "post"),
        )
    ),
    *(
        Row(
            route=route,
            method=method,
            body={"sure": "yes"} if method == "post" else None,
            answers=page_for(*STUDENTS, *FACULTY, *OFFICE),
        )
        for route, method in (
            ("my-data/", "get"),
            ("my-data/export", "post"),
            ("my-data/erase", "post"),
            ("my-data/keep", "post"),
        )
    ),
    Row(route="api-keys/", answers=page_for(*KEY_OWNERS, status=302)),  # to confirm the sign-in
    Row(
        route="api-keys/",
        method="post",
        body={"name": "Script", "scope": "read", "days": "30"},
        answers=page_for(*KEY_OWNERS, status=302),
    ),
    # Of one's own: students have none.
    Row(
        route="api-keys/revoke",
        method="post",
        body={"key": "1"},
        answers=page_for(*STUDENTS, *FACULTY, *OFFICE),
    ),
    Row(route="invitations/", answers=page_for(*STUDENTS, *FACULTY, *OFFICE)),
    # Nothing waits for them.
    Row(
        route="invitations/answer",
        method="post",
        body={"campus": "south", "answer": "accept"},
        answers=page_for(*STUDENTS, *FACULTY, *OFFICE, status=404),
    ),
    *(
        # Who was given the link of an empty installation; nobody made this token.
        Row(
            route="set-up/<str:token>",
            method=method,
            arguments=lambda cast: {"token": "made-up"},
            answers=everybody(404),
            public=True,
        )
        for method in ("get", "post")
    ),
    *(
        Row(route=f"first-steps/{what}", method="post", answers=page_for(*ADMINS))
        for what in ("test-mail", "hide", "show")
    ),
    *(Row(route="look", method=method, answers=page_for(*ADMINS)) for method in ("get", "post")),
    # For everybody; this is nobody's logo.
    Row(
        route="logo/<str:sha256>.png",
        arguments=lambda cast: {"sha256": "0" * 64},
        answers=everybody(404),
        public=True,
    ),
    *(
        # Anyone who has the mail may answer; nobody made this token.
        Row(
            route="invitation/<str:token>",
            method=method,
            arguments=lambda cast: {"token": "made-up"},
            answers=everybody(404),
            public=True,
        )
        for method in ("get", "post")
    ),
    Row(route="sw.js", answers=everybody(200), public=True),
]


def a_learning_link(cast: Cast) -> dict[str, Any]:
    """The lecturer's course on a learning platform that names no members."""
    platform, _made = LtiPlatform.objects.get_or_create(
        issuer="https://lms.example",
        client_id="1",
        defaults={"name": "Moodle", "deployment_ids": ["1"]},
    )
    link, _made = LtiLink.objects.get_or_create(
        platform=platform, context_id="7", course=cast.course
    )
    return {"link_id": link.pk}


LEARNING_ROWS = [
    # Platforms bring people here, who sign in afterwards. These bring nothing.
    *(
        Row(route="lti/login", method=method, answers=everybody(400), public=True)
        for method in ("get", "post")
    ),
    Row(route="lti/launch", method="post", answers=everybody(403), public=True),
    Row(route="lti/jwks", answers=everybody(200), public=True),
    Row(route="lti/relay", method="post", answers=everybody(404), public=True),
    *(
        Row(
            route="lti/register/<str:secret>",
            method=method,
            arguments=lambda cast: {"secret": "made-up"},
            answers=everybody(404),
            public=True,
        )
        for method in ("get", "post")
    ),
    *(
        Row(
            route=f"lti/{page}/<str:name>",
            method=method,
            arguments=lambda cast: {"name": "made-up"},
            answers={**everybody(404), "anonymous": 302},
        )
        for page in ("go", "choice")
        for method in ("get", "post")
    ),
    *(
        Row(
            route=f"lti/links/<uuid:link_id>/{page}",
            method=method,
            arguments=a_learning_link,
            answers=page_for("faculty", "admin", "super_admin", others=404),
        )
        for page in ("", "roster")
        for method in ("get", "post")
    ),
]

LEAVE_ROWS = [
    Row(route="api/v1/me/leave", answers=only(*STUDENTS, status=200)),
    Row(route="api/v1/me/leave", method="post", answers=only(*STUDENTS, status=400)),
    Row(route="api/v1/me/appeals", answers=only(*STUDENTS, status=200)),
    *(
        Row(
            route=route,
            method="post",
            arguments=arguments,
            body=body,
            answers=only("student", status=status, classmate=404, stranger=404),
        )
        for route, arguments, body, status in (
            ("api/v1/me/leave/<int:leave_id>/withdraw", a_leave, {}, 200),
            ("api/v1/me/appeals/<int:appeal_id>/withdraw", an_appeal, {}, 200),
            (
                "api/v1/records/<int:record_id>/appeal",
                a_record,
                {"wanted": "present", "text": "I was there.", "nonce": "n0nce-of-row"},
                201,
            ),
        )
    ),
    *(
        Row(route=f"api/v1/{name}", answers=only(*FACULTY, *OFFICE, status=200))
        for name in ("leave", "appeals", "registers/not-taken")
    ),
    Row(
        route="api/v1/leave/<int:leave_id>/decide",
        method="post",
        arguments=a_leave,
        body={"approve": True},
        answers=only("faculty", *OFFICE, status=200, outsider=404),
    ),
    Row(
        route="api/v1/appeals/<int:appeal_id>/decide",
        method="post",
        arguments=an_appeal,
        body={"accept": True},
        answers=only("faculty", *ADMINS, status=200, outsider=404),
    ),
    *(
        Row(
            route=route,
            arguments=arguments,
            answers=only("student", "faculty", *OFFICE, status=200, others=404),
        )
        for route, arguments in (
            ("api/v1/leave/<int:leave_id>/attachment", a_leave),
            ("api/v1/appeals/<int:appeal_id>/attachment", an_appeal),
        )
    ),
]

REQUEST_ROWS = [
    Row(
        route="requests/leave/<int:leave_id>",
        method="post",
        arguments=a_leave,
        answers=page_for("faculty", *OFFICE, outsider=404),
    ),
    Row(
        route="requests/appeals/<int:appeal_id>",
        method="post",
        arguments=an_appeal,
        answers=page_for("faculty", *OFFICE, outsider=404),
    ),
    Row(
        route="teach/sessions/<int:session_id>/findings/<int:finding_id>",
        method="post",
        arguments=a_finding,
        body={"note": "A new phone."},
        answers=OWN_PAGE,
    ),
]


def an_export(cast: Cast) -> dict[str, Any]:
    """An export that the principal asked for."""
    job = Job.objects.create(
        kind="reports.export",
        title="attendance.csv",
        params={"report": "attendance", "format": "csv"},
        created_by=cast.principal,
        created_at=timezone.now(),
    )
    return {"job_id": job.pk}


REPORT_READERS: Final = (*FACULTY, *OFFICE)

REPORT_ROWS = [
    *(
        Row(route=f"api/v1/reports/{name}", answers=only(*REPORT_READERS, status=200))
        for name in (
            "attendance",
            "defaulters",
            "consecutive-absences",
            "statistics",
            "methods",
            "check-ins",
            "not-taken",
            "exports",
        )
    ),
    # 400: no course is named.
    Row(route="api/v1/reports/signing-sheet", answers=only(*REPORT_READERS, status=400)),
    Row(
        route="api/v1/reports/students/<int:student_id>",
        arguments=a_student,
        answers=only("student", "faculty", *OFFICE, status=200, others=404),
    ),
    Row(route="api/v1/me/attendance", answers=only(*STUDENTS, status=200)),
    Row(
        route="api/v1/reports/exports",
        method="post",
        answers=only(*REPORT_READERS, status=400),
    ),
    *(
        Row(
            route=f"api/v1/reports/exports/<uuid:job_id>{page}",
            arguments=an_export,
            # Its owner's alone.
            answers={
                **only(*REPORT_READERS, status=404),
                "principal": status,
            },
        )
        for page, status in (("", 200), ("/file", 409))
    ),
    Row(route="reports/", answers=page_for(*REPORT_READERS)),
    Row(route="reports/chart", answers=page_for(*REPORT_READERS)),
    Row(
        route="reports/students/<int:student_id>/",
        arguments=a_student,
        answers=page_for(*REPORT_READERS, outsider=404),
    ),
    Row(route="reports/exports", answers=page_for(*REPORT_READERS)),
    Row(route="reports/export", method="post", answers=page_for(*REPORT_READERS)),
    Row(route="reports/archive", method="post", answers=page_for("admin", "super_admin")),
]


# Readers come with a token of their own, or from their network; nobody's sign-in is one.
TERMINAL_ROWS = [
    Row(
        route="api/v1/cameras/events",
        method="post",
        body={"events": []},
        answers=everybody(401),
    ),
    Row(
        route="api/v1/cameras/frames",
        method="post",
        body={"id": "1", "at": "2026-09-14T08:00:00Z", "photo": ""},
        answers=everybody(401),
    ),
    Row(
        route="api/v1/terminals/punches",
        method="post",
        body={"punches": []},
        answers=everybody(401),
    ),
    *(
        Row(
            route=f"{prefix}/{name}",
            arguments=lambda cast: {"token": "terminal_0"},
            answers=everybody(403),
        )
        for prefix in ("iclock", "iclock/<str:token>", "iclock/<str:token>/iclock")
        for name in ("cdata", "getrequest", "devicecmd", "ping", "registry", "push")
    ),
    Row(
        route="hikvision/<str:token>",
        method="post",
        arguments=lambda cast: {"token": "terminal_0"},
        answers=everybody(403),
    ),
    # A kiosk is a browser with its own cookie, whoever is signed in there.
    Row(route="kiosk/", answers=everybody(403)),
    # Opened by who knows the code that the administration shows once.
    Row(route="kiosk/room", answers=everybody(200), public=True),
    Row(route="kiosk/room", method="post", answers=everybody(403)),
    Row(
        route="kiosk/open/<int:session_id>",
        method="post",
        arguments=an_open_session,
        answers=page_for("faculty", "operator", *ADMINS, outsider=404),
    ),
    *(
        Row(route=f"kiosk/{name}", method="post", answers=everybody(403))
        for name in ("punch", "code")
    ),
    Row(route="kiosk/end", method="post", answers=everybody(302)),
]


ROWS: Final[list[Row]] = [
    *PUBLIC_ROWS,
    *PEOPLE_ROWS,
    *LIST_ROWS,
    *MESSAGE_ROWS,
    *IMPORT_ROWS,
    *REPORT_ROWS,
    *SESSION_ROWS,
    *CHECK_IN_ROWS,
    *LEARNING_ROWS,
    *LEAVE_ROWS,
    *FACE_ROWS,
    *PORTAL_ROWS,
    *STUDENT_PAGE_ROWS,
    *OWN_STUDENT_ROWS,
    *REQUEST_ROWS,
    *TIMETABLE_ROWS,
    *TERMINAL_ROWS,
]

# Addresses of libraries: too many for rows, so each prefix has its own test in test_permissions.py.
LIBRARY_PREFIXES: Final = ("accounts/", "_allauth/", "admin/")
