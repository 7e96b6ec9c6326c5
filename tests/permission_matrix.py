"""Who gets which answer where: one table, walked by `test_permissions.py`.

Adding an address: add a `Row` with the route exactly as the resolver knows it (the failing test
prints it), and one status per role. `PASSES` means “the role may; what happens then depends on
the body”: anything below 500 except 401, 403 and 404.

Rows with an id name an object of campus “north”. The same table is the tenancy sweep: every row is
also visited by the people of campus “south”, on both hosts, and must never answer them.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import time, timedelta
from typing import Any, Final

from django.utils import timezone

from apps.accounts.models import User
from apps.attendance.models import CheckInAttempt
from apps.audit.services import SYSTEM
from apps.biometrics.models import FaceSample, StoredImage
from apps.imports.models import ImportRun
from apps.privacy.models import Consent
from apps.tenants.scope import campus_scope
from apps.timetable.models import Holiday, WeeklySlot
from apps.timetable.services import calendar_link_create
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


@dataclass(frozen=True, kw_only=True)
class Row:
    """One route and method, and what each role is answered."""

    route: str
    method: str = "get"
    answers: Answers
    # The route's arguments: ids of objects of the given cast's campus, which is entered.
    arguments: Callable[[Cast], dict[str, Any]] = field(default=lambda cast: {})
    body: dict[str, Any] = field(default_factory=dict)
    # Answered without any campus: schema, health. The tenancy sweep has nothing to find there.
    public: bool = False

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.route}"

    def arguments_in(self, cast: Cast) -> dict[str, Any]:
        with campus_scope(cast.campus):
            return self.arguments(cast)


def a_session(cast: Cast) -> dict[str, Any]:
    """A scheduled session of the lecturer that may be opened now."""
    starts_at = timezone.now() + timedelta(minutes=1)
    return {"session_id": make_session(cast.course, starts_at=starts_at).pk}


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


def a_face_sample(cast: Cast) -> dict[str, Any]:
    """A pending photo of `student`, as a row: nothing lies in storage."""
    now = timezone.now()
    sample = FaceSample.objects.create(
        student=cast.student,
        consent=Consent.objects.create(
            student=cast.student, kind=Consent.Kind.FACE, version="2026-1", given_at=now
        ),
        image=StoredImage.objects.create(key=uuid.uuid4().hex, size=1, stored_at=now),
        created_at=now,
    )
    return {"sample_id": sample.pk}


PUBLIC_ROWS = [
    Row(route="healthz", answers=everybody(200), public=True),
    Row(route="api/schema/", answers=everybody(200), public=True),
    Row(route="api/docs/", answers=everybody(200), public=True),
]

PEOPLE_ROWS = [
    Row(route="api/v1/me", answers=signed_in(200)),
    Row(route="api/v1/me/device", answers=only(*STUDENTS, status=200)),
    Row(route="api/v1/me/device", method="post", answers=only(*STUDENTS, status=400)),
    Row(route="api/v1/me/device/challenge", method="post", answers=only(*STUDENTS, status=200)),
    Row(
        route="api/v1/students/<int:student_id>/device/reset",
        method="post",
        arguments=a_student,
        body={"reason": "lost"},
        # 404: they may, and this student has no device.
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
            answers=only(*ADMINS, status=status),
        )
        for route, arguments, refusal in (
            ("students/<int:student_id>", a_student, 204),
            ("faculty/<int:faculty_id>", a_lecturer, 204),
            ("subjects/<int:subject_id>", a_subject, 409),  # an active course teaches it
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
        answers=OWN_SESSION,
    ),
    Row(
        route="api/v1/sessions/<int:session_id>/one-time-code",
        method="post",
        arguments=a_session,
        answers=OWN_SESSION,
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
    """The student's feed: whoever knows its address may read it."""
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


def page_for(*roles: str, others: int = 403, **exceptions: int) -> Answers:
    """A portal page: these roles pass, nobody is sent to sign in, the rest are refused."""
    return {**only(*roles, others=others, **exceptions), "anonymous": 302}


OWN_PAGE: Final = page_for("faculty", outsider=404)

PORTAL_ROWS = [
    Row(route="", answers=everybody(302)),
    Row(route="teach/", answers=page_for(*FACULTY)),
    Row(route="teach/start", method="post", answers=page_for(*FACULTY)),
    Row(route="attendance/", answers=page_for(*STUDENTS)),
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
            ("code", "post", {}),
        )
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
            ("commit", "post", 202),
            ("cancel", "post", 409),
            ("errors.xlsx", "get", 404),
        )
    ),
]

ROWS: Final[list[Row]] = [
    *PUBLIC_ROWS,
    *PEOPLE_ROWS,
    *LIST_ROWS,
    *MESSAGE_ROWS,
    *IMPORT_ROWS,
    *SESSION_ROWS,
    *CHECK_IN_ROWS,
    *FACE_ROWS,
    *PORTAL_ROWS,
    *TIMETABLE_ROWS,
]

# Addresses of libraries: too many for rows, so each prefix has its own test in test_permissions.py.
LIBRARY_PREFIXES: Final = ("accounts/", "_allauth/", "admin/")
