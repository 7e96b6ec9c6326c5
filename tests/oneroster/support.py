"""A connection, and a reading in a line."""

from datetime import timedelta
from typing import Any

from apps.accounts.writes import PLATFORM, Writer
from apps.audit.services import SYSTEM
from apps.enrollments.models import Enrollment
from apps.oneroster.models import OneRosterConnection, OneRosterRun
from apps.oneroster.services import secret_give
from apps.oneroster.services.jobs import run_work
from apps.oneroster.services.runs import run_make
from apps.tenants.scope import campus_scope
from tests.factories import Cast
from tests.imports.support import NOW, no_progress
from tests.oneroster.service import CLIENT, PATH, SCHOOL, SECRET, OneRosterService


def connect(cast: Cast, sis: OneRosterService, **fields: Any) -> OneRosterConnection:
    with campus_scope(cast.campus):
        connection = OneRosterConnection(
            **{
                "name": "SIS",
                "url": sis.url + PATH,
                "token_url": f"{sis.url}/token",
                "client_id": CLIENT,
                "school": SCHOOL,
                **fields,
            }
        )
        secret_give(connection, SECRET)
        connection.save()
    return connection


def read(
    cast: Cast,
    *,
    commit: bool = True,
    full: bool = False,
    confirmed: int | None = None,
    writer: Writer = PLATFORM,
    later: timedelta = timedelta(0),
) -> OneRosterRun:
    """As a worker does it."""
    with campus_scope(cast.campus):
        connection = OneRosterConnection.objects.get()
        run = run_make(
            connection,
            commit=commit,
            full=full,
            user_id=None,
            by_person=False,
            now=NOW + later,
            confirmed=confirmed,
        )
        run_work(run, writer=writer, actor=SYSTEM, now=NOW + later, report_progress=no_progress)
    return run


def numbers(run: OneRosterRun) -> tuple[int, int, int, int]:
    """new, changed, removed, wrong."""
    found = run.result
    return found["new"], found["changed"], found["removed"], found["wrong"]


def status(cast: Cast, code: str) -> str:
    """Of a student in the one class."""
    with campus_scope(cast.campus):
        return str(Enrollment.objects.get(student__code=code, course__code="MA201-G1").status)
