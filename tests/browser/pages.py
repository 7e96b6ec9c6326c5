"""Every page that a role can open, from the URL configuration, with something to see on it."""

import re
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.contrib import admin
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext

from apps.accounts.invitation_links import invitation_token
from apps.accounts.models import Device, Student, User
from apps.accounts.services import invitation_send
from apps.announcements.services import announcement_send
from apps.attendance.services.marking import record_mark
from apps.audit.services import SYSTEM
from apps.enrollments.models import Placement, Subject
from apps.integrity.models import Finding
from apps.notifications.services import notify
from apps.privacy.models import Consent
from apps.qr_otp.selectors import shown_code
from apps.sessions.models import ClassSession
from apps.sessions.services import CHECK_IN, subject_of
from apps.tenants.models import Campus, CampusModel
from apps.tenants.scope import campus_scope
from apps.timetable.models import WeeklySlot
from tests.admin.support import url as admin_url
from tests.browser.crowd import crowded_session
from tests.factories import Cast, make_course, make_session
from tests.leave.support import closed, opened
from tests.permission_matrix import PASSES, ROLES, ROWS, Row, a_leave, an_appeal
from tests.test_permissions import every_route, url_of

# As long as names of people, courses and campuses get, with words that nothing can break.
LAST_NAME: Final = "Wolfeschlegelsteinhausenbergerdorff"
COURSE_NAME: Final = "Rechtsschutzversicherungsgesellschaften: contracts, supervision and case law"
CAMPUS_NAME: Final = "Llanfairpwllgwyngyll University of Applied Sciences and Arts"

# Addresses that answer GET with something else than a page of their own, and why.
NO_PAGE: Final = {
    "": "leads to each role's own work",
    "start/": "leads to each role's own work",
    "healthz": "text for the supervisor",
    "readyz": "text for the supervisor",
    "metrics": "text for the monitoring",
    "form-token": "JSON",
    "reports/chart": "JSON",
    "teach/sessions/<int:session_id>/board": "JSON",
    "c/state": "JSON",
    "reports/exports": "a part of reports/",
    "teach/sessions/<int:session_id>/findings": "a part of the session's page, to which it leads",
    "teach/sessions/<int:session_id>/waiting": "a part of the session's page, to which it leads",
    "sw.js": "a script",
    "manifest.webmanifest": "JSON",
    "calendar/<str:token>.ics": "a calendar",
    "logo/<str:sha256>.png": "a picture",
    "C/<str:token>": "the page of c/<str:token>",
    "C": "the page of c",
    "admin/choose-campus/": "takes a form alone",
    "admin/attendance/policy/preview/": "takes a form alone",
    "admin/autocomplete/": "JSON",
    "admin/search/": "a part of the start page",
    "admin/jsi18n/": "a script",
    "admin/logout/": "takes a form alone",
    "set-up/<str:token>": "for an empty installation: test_first_hour.py",
    "teach/sessions/<int:session_id>/photo/<int:number>": "a picture",
    "kiosk/": "of a browser that has nobody's sign-in: test_kiosk.py, test_room_kiosk.py",
    "lti/login": "leads to the learning platform",
    "lti/go/<str:name>": "of a launch that has just been: test_lti.py",
    "lti/choice/<str:name>": "of a launch that has just been: tests/lti/test_linking.py",
    "lti/register/<str:secret>": "of a link shown once: tests/lti/test_registration.py",
    "lti/jwks": "JSON",
    "lti/links/<uuid:link_id>/roster": "asks the platform for its members: test_lti.py",
    **{row.route: "JSON" for row in ROWS if row.route.startswith(("scim/", "ims/"))},
    **{row.route: "text for readers" for row in ROWS if row.route.startswith("iclock")},
}
# Shown to every role of a group: they differ by what it may do.
EACH: Final = ("class/", "overview/", "requests/", "health/")
# Pages that the matrix answers otherwise: its sign-in is not a fresh one, its links are made up.
ALSO: Final = {
    "api-keys/": ("faculty", "admin"),
    "class/write": ("representative",),
    "invitation/<str:token>": ("anonymous",),
}
# Of the tables without templates of ours: a long list with filters, a form with every widget.
ORDINARY: Final = (Student, WeeklySlot)


def account(cast: Cast, role: str) -> User | None:
    return cast.representative.user if role == "representative" else ROLES[role](cast)


class Term:
    """A campus in the middle of its term: every page has rows, and names are long."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast
        Campus.objects.filter(pk=cast.campus.pk).update(name=CAMPUS_NAME, face_enabled=True)
        cast.campus.refresh_from_db()
        with campus_scope(cast.campus):
            self._people()
            self._sessions()
            self._messages()
        self.arguments: dict[str, list[dict[str, Any]]] = {
            "teach/sessions/<int:session_id>/": self._ids(self.open, self.closed, self.planned),
            "teach/sessions/<int:session_id>/projector": self._ids(self.open),
            "teach/sessions/<int:session_id>/code": self._ids(self.open),
            "teach/sessions/<int:session_id>/history": self._ids(self.closed),
            "teach/sessions/<int:session_id>/plan": self._ids(self.planned),
            "invitation/<str:token>": [{"token": self.token}],
        }

    @staticmethod
    def _ids(*sessions: ClassSession) -> list[dict[str, Any]]:
        return [{"session_id": session.pk} for session in sessions]

    def _people(self) -> None:
        cast, now = self.cast, timezone.now()
        Student.objects.filter(pk=cast.student.pk).update(last_name=LAST_NAME)
        Subject.objects.filter(pk=cast.course.subject_id).update(name=COURSE_NAME)
        for row in (cast.student, cast.course.subject):
            row.refresh_from_db()
        for person in (cast.representative, cast.student, cast.classmate):
            Placement.objects.create(student=person, section=cast.course.section)
        Device.objects.create(
            student=cast.student,
            device_uuid="d",
            public_key=b"k",
            kind="web",
            name="Chrome on Android",
            bound_at=now - timedelta(days=3),
            last_seen_at=now,
        )
        Consent.objects.create(student=cast.student, kind="face", version="2026-2", given_at=now)
        invited = "new@north.example"
        invitation_send(email=invited, role="principal", now=now, actor=SYSTEM)
        self.token = invitation_token(campus_id=cast.campus.pk, email=invited)

    def _sessions(self) -> None:
        cast, now = self.cast, timezone.now()
        forgotten = make_course(faculty=cast.lecturer, code="CS202-A")
        opened(cast, now - timedelta(days=2), course=forgotten)  # and left open
        make_session(cast.course, starts_at=now - timedelta(hours=6))  # its register is not taken
        self.closed = closed(cast, now - timedelta(days=1))
        record_mark(
            session=self.closed,
            student_id=cast.student.pk,
            status="late",
            reason="Came through the back door",
            now=now,
            actor=SYSTEM,
        )
        self.open = crowded_session(cast, 9)
        self.planned = make_session(cast.course, starts_at=now + timedelta(days=1), is_planned=True)
        Finding.objects.create(
            session=self.open, student=cast.student, kind="slow_redeem", score="0.5", at=now
        )
        a_leave(cast)
        an_appeal(cast)

    def _messages(self) -> None:
        cast, now = self.cast, timezone.now()
        notify(
            kind="announcement",
            user_ids=[user.pk for user in cast.accounts],
            title="Bring your laptops",
            body="We practise tomorrow: https://north.example/" + "exercises/" * 8,
            now=now,
            key="laptops",
        )
        announcement_send(
            student=cast.representative,
            title="Room",
            message="We meet in 102.",
            nonce="n0nce-0001",
            now=now,
            actor=SYSTEM,
        )

    def _code(self) -> dict[str, Any]:
        """What the projector shows at this moment."""
        subject = subject_of(self.open.pk)
        with campus_scope(self.cast.campus):
            code = shown_code(purpose=CHECK_IN, subject=subject, now=timezone.now())
        return {"token": code.token if code else ""}

    def pages(self, role: str, seen: set[str]) -> Iterator[str]:
        """The address of every page of ours that the matrix opens to this role, when it is due.

        Routes in `seen` are left out, but for the first, which has the role's menu, and for those
        that show each role something else; the others are added to it.
        """
        rows = [row for row in ROWS if row.route not in NO_PAGE and is_page_of(row, role)]
        for number, row in enumerate(rows):
            if number == 0 or row.route in EACH or row.route not in seen:
                seen.add(row.route)
                for arguments in self._arguments(row):
                    yield url_of(row, arguments)

    def _arguments(self, row: Row) -> list[dict[str, Any]]:
        if row.route == "c/<str:token>":
            return [self._code()]
        if row.route in self.arguments:
            return self.arguments[row.route]
        return [row.arguments_in(self.cast) if "<" in row.route else {}]


def account_pages() -> Iterator[str]:
    """The library's addresses of one's account that name no row; most lead elsewhere."""
    for route in dict.fromkeys(route for route, _view in every_route()):
        if route.startswith("accounts/") and "<" not in route:
            yield f"/{route}"


def pages_of_the_administration(campus: Campus) -> Iterator[str]:
    """Its own start page and addresses, the pages of tables with templates of ours, and one of each
    kind of the library's.
    """
    for route in dict.fromkeys(route for route, _view in every_route()):
        beside = re.fullmatch(r"admin/(\w+/\w+/)?([^/<]+/)*", route)
        if beside and not re.fullmatch(r"admin/\w+/\w+/(add/)?", route) and route not in NO_PAGE:
            yield f"/{route}"
    with campus_scope(campus):
        for model, table in admin.site._registry.items():
            if issubclass(model, CampusModel) and (has_template(table) or model in ORDINARY):
                yield admin_url(model, "changelist")
                row = model._default_manager.first()
                yield admin_url(model, "change", row.pk) if row else admin_url(model, "add")


def has_template(table: Any) -> bool:
    """Whether some of its pages have a template of ours."""
    names = [name for name in dir(table) if name.endswith("_template")]
    return any(str(getattr(table, name)).startswith("admin/") for name in names)


def is_page_of(row: Row, role: str) -> bool:
    if row.method != "get" or row.route.startswith("api/"):
        return False
    as_role = "classmate" if role == "representative" else role
    return row.answers[as_role] in (PASSES, 200) or role in ALSO.get(row.route, ())


def signed_in(browser: Browser, site: str, user: User | None) -> BrowserContext:
    """A browser in which this person has just typed their password."""
    context = browser.new_context(reduced_motion="reduce")
    if user is not None:
        client = Client(headers={"host": "localhost"})
        client.force_login(user)
        session = client.session
        session["account_authentication_methods_user"] = str(user.pk)
        session["account_authentication_methods"] = [
            {"method": "password", "at": time.time(), "reauthenticated": True}
        ]
        session.save()
        cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
        context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": site}])
    return context
