"""Leave and appeals in the administration: who decides there, and what is said."""

from typing import Any

import pytest
from django.utils import timezone

from apps.accounts.models import User
from apps.attendance.models import AttendanceRecord
from apps.audit.services import SYSTEM
from apps.leave.models import Appeal, Attachment, LeaveRequest
from apps.leave.services.appeals import appeal_create
from apps.tenants.scope import campus_scope
from tests.admin.support import client_of, url
from tests.factories import Cast
from tests.leave.support import asked, closed, mark_of

pytestmark = pytest.mark.django_db


def act(cast: Cast, who: User, row: Any, action: str) -> Any:
    form = {"action": action, "_selected_action": [row.pk]}
    return client_of(cast, who).post(url(type(row), "changelist"), form, follow=True)


@pytest.mark.parametrize("who", ["admin", "operator", "principal"])
def test_every_role_of_the_administration_decides_leave(cast: Cast, who: str) -> None:
    now = timezone.now()
    with campus_scope(cast.campus):
        session, leave = closed(cast, now), asked(cast.student, now)
    page = act(cast, getattr(cast, who), leave, "approve")
    assert "Approved: 1." in page.content.decode()
    with campus_scope(cast.campus):
        assert mark_of(session, cast.student) == ("excused", "leave")
    act(cast, getattr(cast, who), leave, "decline")
    with campus_scope(cast.campus):
        assert mark_of(session, cast.student) == ("absent", "closing")
        leave.refresh_from_db()
    assert leave.decided_by == str(getattr(cast, who))


def test_what_cannot_be_decided_is_said(cast: Cast) -> None:
    with campus_scope(cast.campus):
        leave = asked(cast.student, timezone.now())
        LeaveRequest.objects.update(status="withdrawn")
    page = act(cast, cast.admin, leave, "approve").content.decode()
    assert "has withdrawn this request" in page
    with campus_scope(cast.campus):
        leave.refresh_from_db()
    assert leave.status == "withdrawn"


def appealed(cast: Cast) -> Appeal:
    now = timezone.now()
    session = closed(cast, now)
    appeal, _made = appeal_create(
        student=cast.student,
        mark=AttendanceRecord.objects.get(session=session, student=cast.student),
        wanted="present",
        text="I was there.",
        nonce="nonce-0001",
        now=now,
        actor=SYSTEM,
    )
    return appeal


@pytest.mark.parametrize(("who", "status"), [("admin", "accepted"), ("operator", "open")])
def test_appeals_are_decided_by_administrators_alone(cast: Cast, who: str, status: str) -> None:
    with campus_scope(cast.campus):
        appeal = appealed(cast)
    act(cast, getattr(cast, who), appeal, "accept")
    with campus_scope(cast.campus):
        appeal.refresh_from_db()
    assert appeal.status == status


def test_requests_are_read_and_never_edited(cast: Cast) -> None:
    now = timezone.now()
    with campus_scope(cast.campus):
        leave, appeal = asked(cast.student, now), appealed(cast)
        document = Attachment.objects.create(
            student=cast.student,
            key="k",
            kind="application/pdf",
            size=1,
            stored_at=now,
            delete_after=now,
        )
        LeaveRequest.objects.update(attachment=document)
    client = client_of(cast, cast.admin)
    for row in (leave, appeal, document):
        page = client.get(url(type(row), "change", row.pk))
        assert page.status_code == 200
        assert b'name="_save"' not in page.content
    page = client.get(url(LeaveRequest, "change", leave.pk)).content.decode()
    assert f"/api/v1/leave/{leave.pk}/attachment" in page
