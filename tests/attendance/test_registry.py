"""What a register asks of the apps above: asked once each, and always of something that exists."""

from datetime import datetime

import pytest
from celery import current_app

from apps.attendance import registry
from apps.attendance.models import AttendanceRecord
from apps.attendance.services.register import register_close, register_open
from apps.audit.services import Actor
from apps.checkin.selectors.attempts import undecided_students
from apps.integrity.services.findings import FIND_TASK
from apps.leave.selectors import students_on_leave
from apps.sessions.models import ClassSession
from tests.factories import Cast, make_session

ADA = Actor(label="Ada", id="user:1")


@pytest.fixture(autouse=True)
def _unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_excused", "_undecided", "_checks"):
        monkeypatch.setattr(registry, name, list(getattr(registry, name)))


def test_the_apps_above_have_added_themselves() -> None:
    assert registry._excused == [students_on_leave]
    assert registry._undecided == [undecided_students]
    assert registry._checks == [FIND_TASK]


def test_a_check_is_a_task_that_exists() -> None:
    current_app.loader.import_default_modules()
    assert set(registry._checks) <= set(current_app.tasks)


def test_adding_twice_asks_once() -> None:
    registry.add_excuse(students_on_leave)
    registry.add_undecided(undecided_students)
    registry.add_check(FIND_TASK)
    test_the_apps_above_have_added_themselves()


@pytest.mark.django_db
def test_closing_excuses_and_passes_over_whom_the_apps_above_name(
    in_campus: Cast, now: datetime
) -> None:
    session = make_session(in_campus.course, starts_at=now)
    opened = register_open(session=session, topic="Sorting", now=now, actor=ADA)

    def excused(*, session: ClassSession) -> set[int]:
        return {in_campus.student.pk} if session == opened else set()

    def undecided(*, session: ClassSession) -> set[int]:
        return {in_campus.classmate.pk} if session == opened else set()

    registry.add_excuse(excused)
    registry.add_undecided(undecided)
    register_close(session=opened, now=now, actor=ADA)
    marks = dict(
        AttendanceRecord.objects.filter(session=opened).values_list("student_id", "status")
    )
    assert marks == {in_campus.student.pk: "excused", in_campus.representative.pk: "absent"}
