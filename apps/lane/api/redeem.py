"""`POST /api/v1/check-in/redeem` of a code that is scanned, stands, and opens this student's class.

Two messages to PostgreSQL (the sign-in with all that the code needs; the scan with the commit) and
one to Valkey (the limit). Whatever would be refused is left to the ordinary view, which refuses it
and logs it.
"""

from datetime import datetime
from typing import Any

from apps.accounts.models import User
from apps.checkin.models import Method
from apps.checkin.selectors.hot_path import AttendeeContext
from apps.checkin.services.redeem import (
    redeem_measured,
    redeem_refusal,
    redemption_of,
    scan_name,
)
from apps.common.http import client_address
from apps.lane.api.answers import moment_text
from apps.lane.api.requests import LaneRequest
from apps.lane.api.sign_in import is_signed_in
from apps.lane.api.transactions import LeftToTheView, Unknown, in_few_messages
from apps.lane.selectors import ForRedeem, for_redeem
from apps.liveness.turns import turns_of
from apps.qr_otp.selectors import Check, check_token, unsealed_secret
from apps.qr_otp.services import KEPT_OF_FIRST, scan_of
from apps.qr_otp.tokens import MAX_LINK, Malformed, Token, parse_token
from apps.sessions.services import CHECK_IN, subject_of
from apps.tenants.inserts import row_offer


def redeem(asked: LaneRequest, *, now: datetime) -> dict[str, Any]:
    """The answer's body; raises `LeftToTheView`. It has committed what it answers."""
    text, token = _token_in(asked)
    session_id = int(token.subject)
    with in_few_messages(asked.campus_id):
        found = for_redeem(
            host=asked.host,
            user_id=asked.bearer.user_id,
            session_key=asked.bearer.session_key,
            session_id=session_id,
            subject=token.subject,
            now=now,
        )
        if found is None:
            raise Unknown
        user = _user(asked, found)
        if not is_signed_in(user, bearer=asked.bearer, session_data=found.session_data):
            raise LeftToTheView
        check = _check(text, found, now=now)
        student = _student(asked, found)
        facts = {"id": session_id, "course_id": found.course_id, "status": found.status}
        if redeem_refusal(student=student, check=check, facts=facts):
            raise LeftToTheView
        if not asked.is_within("redeem"):
            raise LeftToTheView
        sign_in = asked.bearer.sign_in
        scan = scan_of(
            purpose=CHECK_IN,
            check=check,
            scanner=f"student:{student.id}",
            method=Method.QR,
            reason="",
            now=now,
            address=client_address(asked.request),
            once=scan_name(student, check, method=Method.QR, code_id=None, sign_in=sign_in),
        )
        saved = row_offer(scan, returning=KEPT_OF_FIRST)
        made = redemption_of(
            scan=scan, reason="", student=student, facts=facts, sign_in=sign_in, now=now
        )
        turns = turns_of(made.ticket)
    if saved() is None:  # scanned before: what counts is the first one's ticket
        raise LeftToTheView
    redeem_measured(scan=scan, reason="")
    return {
        "ticket": made.ticket,
        "expires_at": moment_text(made.expires_at),
        "session": made.session_id,
        "turns": turns,
    }


def _token_in(asked: LaneRequest) -> tuple[str, Token]:
    """The scanned text and its token of this campus, before anything of it is believed."""
    text = asked.body.get("token")
    if not isinstance(text, str) or len(asked.body) != 1 or len(text) > MAX_LINK:
        raise LeftToTheView
    if not text.isascii() or not text.isprintable():
        raise LeftToTheView
    try:
        token = parse_token(text)
    except Malformed as error:
        raise LeftToTheView from error
    subject = token.subject
    numbered = subject.isdecimal() and len(subject) <= 18 and subject == subject_of(int(subject))
    if token.campus_id != asked.campus_id or not numbered:
        raise LeftToTheView
    return text, token


def _user(asked: LaneRequest, found: ForRedeem) -> User:
    return User(
        id=asked.bearer.user_id,
        password=found.password,
        must_change_password=found.must_change_password,
    )


def _student(asked: LaneRequest, found: ForRedeem) -> AttendeeContext:
    return AttendeeContext(
        id=found.student_id,
        user_id=asked.bearer.user_id,
        device_id=found.device_id,
        device_key=None,
        enrolled=found.enrolled,
        has_face=False,
    )


def _check(text: str, found: ForRedeem, *, now: datetime) -> Check:
    def secret_of(*, purpose: str, subject: str) -> bytes:
        return unsealed_secret(bytes(found.sealed_secret), subject=subject)

    return check_token(purpose=CHECK_IN, text=text, now=now, secret_of=secret_of)
