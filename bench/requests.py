"""The requests that people send most, against a campus of the tests' cast that has many rows."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.attendance.services.register import register_close, register_open_now
from apps.audit.services import SYSTEM
from apps.notifications.services import notify
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from bench.many_rows import BASE, Size, fill
from bench.plans import Statement, explained, sizes
from tests.factories import Cast
from tests.phone import Phone, code_of

STUDENT = ("/home/", "/attendance/", "/week/", "/messages/", "/devices/", "/class/", "/leave/")
LECTURER = ("/teach/", "/teach/courses/", "/week/")
OFFICE = ("/requests/", "/registers/not-taken/")


class Requests:
    """Makes one row of each kind, and sends the requests."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast
        self.phone = Phone(cast, cast.student)
        self.classmate = Phone(cast, cast.classmate)
        self.open()
        self.check_in(self.phone)
        with campus_scope(cast.campus):
            session = ClassSession.objects.get(pk=self.session_id)
            register_close(session=session, now=timezone.now(), actor=SYSTEM)
            users = [cast.student.user_id or 0]
            notify(
                kind="attendance_warning",
                title="Low",
                body="68 %",
                user_ids=users,
                now=timezone.now(),
                key="many",
            )

    def fill(self, root: Any, size: Size) -> dict[str, int]:
        return fill(
            root,
            campus_id=self.cast.campus.pk,
            size=size,
            teacher=self.cast.lecturer.pk,
            other_teacher=self.cast.outsider.pk,
        )

    def open(self) -> None:
        with campus_scope(self.cast.campus):
            session = register_open_now(
                course=self.cast.course, topic="Many", now=timezone.now(), actor=SYSTEM
            )
        self.session_id = session.pk

    def check_in(self, phone: Phone) -> None:
        ticket = phone.ticket(code_of(self.cast, self.session_id, timezone.now()).token)
        answer = phone.check_in(ticket)
        assert answer.status_code == 201, answer.content

    def page(self, user: Any, path: str) -> Callable[[], None]:
        client = Client(headers={"host": self.cast.host})
        client.force_login(user)

        def get() -> None:
            answer = client.get(path)
            assert answer.status_code == 200, (path, answer.status_code)

        return get

    def all(self) -> dict[str, Callable[[], None]]:
        """By what they are called. The session is open when they are sent."""
        cast, session, course = self.cast, self.session_id, BASE + 1
        student = get_user_model().objects.get(pk=BASE + 1)
        found = {"check in": lambda: self.check_in(self.classmate)}
        pages = (
            (student, STUDENT),
            (student, ("/api/v1/me", "/api/v1/me/attendance", "/api/v1/me/schedule")),
            (student, ("/api/v1/me/notifications",)),
            (cast.lecturer.user, LECTURER),
            (cast.lecturer.user, (f"/teach/courses/{course}/", f"/teach/sessions/{session}/")),
            (cast.lecturer.user, (f"/teach/sessions/{session}/board", "/api/v1/sessions")),
            (cast.principal, (*OFFICE, f"/reports/students/{BASE + 1}/")),
            (cast.operator, ("/api/v1/search?q=family17", "/api/v1/students?search=MANY17")),
        )
        for user, paths in pages:
            found |= {path: self.page(user, path) for path in paths}
        return found

    def explained(self, *, index_only: bool) -> list[Statement]:
        """`index_only`: as if reading a table as a whole were dear, so that few rows say as much
        as many: what is left of it has no index to use."""
        self.open()
        found: list[Statement] = []
        for name, send in self.all().items():
            with CaptureQueriesContext(connection) as asked:
                send()
            with campus_scope(self.cast.campus), connection.cursor() as cursor:
                if index_only:
                    cursor.execute("SET LOCAL enable_seqscan = off")
                statements = [one["sql"] for one in asked.captured_queries]
                found += explained(cursor, name, statements, sizes(cursor))
        with campus_scope(self.cast.campus):
            session = ClassSession.objects.get(pk=self.session_id)
            register_close(session=session, now=timezone.now(), actor=SYSTEM)
        return found
