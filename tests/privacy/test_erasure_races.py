"""What a person had begun when their erasure starts goes too; nothing begins afterwards."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from apps.audit.services import Actor
from apps.checkin.models import CheckInAttempt
from apps.checkin.services import check_in
from apps.jobs.models import Job
from apps.jobs.tasks import execute_job
from apps.leave.models import LeaveRequest
from apps.leave.services import leave
from apps.privacy.selectors import person_of
from apps.privacy.services import erasure_approve, erasure_ask, erasures_start
from apps.tenants.scope import campus_scope
from tests.attendance.support import HEARD, HERE, open_session
from tests.factories import Cast, make_cast
from tests.phone import Phone, code_of

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])


def start_erasure(cast: Cast) -> Job:
    now = timezone.now()
    with campus_scope(cast.campus):
        person = person_of(student=cast.student)
        request = erasure_ask(
            person=person, own=False, now=now, actor=Actor(id="user:1", label="Office")
        )
        erasure_approve(request=request, now=now, actor=Actor(id="user:2", label="Second"))
        erasures_start(now=request.due_at)
        return Job.objects.get(kind="privacy.erase")


def ask_for_leave(phone: Phone) -> Any:
    begins = timezone.now() + timedelta(days=1)
    body = {
        "starts_at": begins.isoformat(),
        "ends_at": (begins + timedelta(days=1)).isoformat(),
        "category": "medical",
        "reason": "illness",
        "nonce": "nonce-of-the-leave",
    }
    return phone.client.post("/api/v1/me/leave", body, format="json")


def under_way(
    monkeypatch: pytest.MonkeyPatch, module: Any, job: Callable[[], Any]
) -> tuple[threading.Thread, threading.Event, list[int]]:
    """Begin the request; it stands still before its end, uncommitted, until the event is set."""
    inside, go_on, answers = threading.Event(), threading.Event(), []
    real = module.log_event

    def slow(*args: Any, **kwargs: Any) -> Any:
        inside.set()
        go_on.wait(30)
        return real(*args, **kwargs)

    def run() -> None:
        answers.append(job().status_code)
        connections.close_all()

    monkeypatch.setattr(module, "log_event", slow)
    thread = threading.Thread(target=run)
    thread.start()
    assert inside.wait(30)
    return thread, go_on, answers


@pytest.mark.parametrize("what", ["leave", "check-in"])
def test_what_was_under_way_is_erased_too(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    cast = make_cast("north")
    session = open_session(cast)
    phone = Phone(cast, cast.student)
    ticket = phone.ticket(code_of(cast, session.pk, timezone.now()).token)

    def send_evidence() -> Any:
        return phone.check_in(ticket, location=HERE, beacons=HEARD, device_info={"model": "X1"})

    module, request = (
        (leave, lambda: ask_for_leave(phone)) if what == "leave" else (check_in, send_evidence)
    )
    thread, go_on, answers = under_way(monkeypatch, module, request)

    def erase() -> None:
        execute_job(cast.campus.pk, start_erasure(cast).pk)
        connections.close_all()

    eraser = threading.Thread(target=erase)
    eraser.start()
    eraser.join(1.5)
    go_on.set()
    for one in (thread, eraser):
        one.join(60)
    assert answers == [201]
    with campus_scope(cast.campus):
        job = Job.objects.get(kind="privacy.erase")
        assert (job.status, job.problem) == ("succeeded", "")
        reasons = set(LeaveRequest.objects.values_list("reason", flat=True))
        kept = set(CheckInAttempt.objects.values_list("device_info__model", "latitude"))
    assert reasons <= {"erased"}
    assert kept <= {(None, None)}
    assert len(reasons) + len(kept) == 1


def test_nothing_begins_between_the_start_and_the_end_of_an_erasure() -> None:
    cast = make_cast("north")
    phone = Phone(cast, cast.student)
    start_erasure(cast)
    assert ask_for_leave(phone).status_code == 401
    answer = phone.client.post(
        "/_allauth/app/v1/auth/login",
        {"email": cast.student.email, "password": "wrong or right"},
        format="json",
    )
    assert answer.status_code in (400, 401)
    with campus_scope(cast.campus):
        cast.student.refresh_from_db()
        assert not cast.student.is_active
