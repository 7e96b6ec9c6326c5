"""`POST /api/v1/check-in` with a device's signature and no photo, judged by the ordinary service.

Two messages to PostgreSQL (the sign-in with the student, the session and what stands so far; the
attempt, the record and the audit entry with the commit) and two to Valkey (the limit; the board).
Refused attempts are rows as well, and the service's to write. What has no row, a retry and whatever
needs the serializers is left to the view.
"""

from dataclasses import replace
from datetime import datetime

from apps.accounts.models import User
from apps.audit.services import Actor
from apps.checkin.models import CheckInAttempt
from apps.checkin.selectors.hot_path import AttendeeContext, PriorState
from apps.checkin.services.check_in import Submission, check_in_judge
from apps.checkin.tickets import Ticket, read_ticket
from apps.common.http import client_address
from apps.lane.api.evidence import submission_in
from apps.lane.api.requests import LaneRequest
from apps.lane.api.sign_in import is_signed_in
from apps.lane.api.transactions import LeftToTheView, Unknown, in_few_messages
from apps.lane.selectors import ForCheckIn, for_check_in


def check_in(asked: LaneRequest, *, now: datetime) -> CheckInAttempt:
    """The judged attempt, committed; raises `LeftToTheView`."""
    submission = submission_in(asked.body)
    if submission is None:
        raise LeftToTheView
    submission = replace(submission, sign_in=asked.bearer.sign_in, rp_id=asked.host)
    with in_few_messages(asked.campus_id):
        ticket = read_ticket(submission.ticket)
        if ticket is None:
            raise LeftToTheView
        found, known = _found(asked, ticket, submission, now=now)
        if known.first_attempt_id is not None or not asked.is_within("check_in"):
            raise LeftToTheView
        return check_in_judge(
            ticket,
            submission,
            _student(asked, found, known),
            found.session,
            known=known,
            now=now,
            actor=_actor(asked, found),
        )


def _found(
    asked: LaneRequest, ticket: Ticket, submission: Submission, *, now: datetime
) -> tuple[ForCheckIn, PriorState]:
    """Who is signed in, held with the session, and what stands of them in it so far."""
    read = for_check_in(
        host=asked.host,
        user_id=asked.bearer.user_id,
        session_key=asked.bearer.session_key,
        ticket=ticket,
        nonce=submission.nonce,
        now=now,
    )
    if read is None:
        raise Unknown
    found, known = read
    user = User(
        id=asked.bearer.user_id,
        password=found.password,
        must_change_password=found.must_change_password,
    )
    signed_in = is_signed_in(user, bearer=asked.bearer, session_data=found.session_data)
    if not signed_in or found.shown is None or found.student_id != ticket.student_id:
        raise LeftToTheView
    return found, known


def _student(asked: LaneRequest, found: ForCheckIn, known: PriorState) -> AttendeeContext:
    key = found.device_key
    return AttendeeContext(
        id=found.student_id,
        user_id=asked.bearer.user_id,
        device_id=found.device_id,
        device_key=bytes(key) if key is not None else None,
        enrolled=known.enrolled,
        has_face=found.face_agreed and found.has_template,
        face_agreed=found.face_agreed,
    )


def _actor(asked: LaneRequest, found: ForCheckIn) -> Actor:
    """As `apps.audit.actors.request_actor` names the person."""
    return Actor(
        id=f"user:{asked.bearer.user_id}",
        label=str(found.shown),
        address=client_address(asked.request),
        user_agent=asked.request.META.get("HTTP_USER_AGENT", ""),
    )
