"""The rapid-code challenge: five codes of one second each, for phones that can see the screen.

A code that has to travel by chat or video arrives too late for at least two of them. The outcome is
void where the class as a whole failed. `integrity` starts it and makes findings of the outcome.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from django.core.cache import cache
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.attendance.selectors.register import board_key
from apps.audit.services import Actor, log_event
from apps.checkin.models import CheckInAttempt, Method, Outcome, RapidCodeChallenge, Reason
from apps.checkin.rapid_codes import ChallengeResult, challenge_results
from apps.checkin.selectors.hot_path import attendee_context
from apps.checkin.selectors.rapid_codes import challenge_cache_key
from apps.common.cache import touch
from apps.common.errors import Refused
from apps.qr_otp.models import Scan
from apps.qr_otp.selectors import check_rapid_token
from apps.qr_otp.services import scan_save, secret_start
from apps.qr_otp.tokens import RAPID_PERIOD, RAPID_WITHIN_MS, window_at
from apps.sessions.models import ClassSession
from apps.sessions.selectors import session_facts
from apps.sessions.services import RAPID_CODE, subject_of

LEAD: Final = 3  # seconds until the first code: every projector polls at least once a second
OVER_AFTER: Final = timedelta(milliseconds=RAPID_WITHIN_MS - 1000 * RAPID_PERIOD)
ANNOUNCED_SECONDS: Final = 60


def over_at(challenge: RapidCodeChallenge) -> datetime:
    """When the last code cannot be redeemed any more."""
    last = challenge.windows.stop * RAPID_PERIOD
    return datetime.fromtimestamp(last, tz=UTC) + OVER_AFTER


@transaction.atomic
def challenge_show(*, session: ClassSession, now: datetime, actor: Actor) -> RapidCodeChallenge:
    """Show five one-second codes, from three seconds from now on. One challenge at a time."""
    locked = ClassSession.objects.select_for_update(no_key=True).get(pk=session.pk)
    if locked.status != ClassSession.Status.OPEN:
        raise Refused("session_not_open", _("This session is not open."))
    latest = RapidCodeChallenge.objects.filter(session=session).order_by("-first_window").first()
    if latest is not None and now < over_at(latest):
        raise Refused("challenge_running", _("A rapid-code challenge is running already."))
    challenge = RapidCodeChallenge.objects.create(
        session=session,
        first_window=window_at(now, period=RAPID_PERIOD) + LEAD,
        started_at=now,
        started_by=actor.label,
    )
    secret_start(purpose=RAPID_CODE, subject=subject_of(session.pk), now=now)
    # At once and not after the commit: without a live secret nobody shows anything.
    cache.set(challenge_cache_key(session.pk), challenge.first_window, ANNOUNCED_SECONDS)
    touch(board_key(session.pk))
    log_event(actor=actor, action="checkin.challenge.started", now=now, target=challenge)
    return challenge


@dataclass(frozen=True, kw_only=True)
class ChallengeScan:
    """Outcome of one scanned code; `reason` is "" when it counts."""

    reason: str
    session_id: int | None
    delay_ms: int | None


@transaction.atomic(savepoint=False)
def challenge_redeem(
    *, user: User, token: str, now: datetime, address: str | None = None, sign_in: str = ""
) -> ChallengeScan:
    """Redeem one code of a challenge. Every try is in the scan log.

    It counts from the sign-in that the student checked in with: a friend in the room, signed in as
    the student, cannot pass for a phone elsewhere.
    """
    check = check_rapid_token(purpose=RAPID_CODE, text=token, now=now)
    session_id = int(check.subject) if check.subject.isdecimal() else None
    facts = session_facts(session_id=session_id) if session_id and not check.problem else None
    student = attendee_context(user_id=user.pk, session_id=facts["id"] if facts else None)
    reason = Reason(check.problem)
    if not reason and (facts is None or facts["status"] != ClassSession.Status.OPEN):
        reason = Reason.NOT_OPEN
    if not reason and not student.enrolled:
        reason = Reason.NOT_ENROLLED
    if not reason and _checked_in_elsewhere(session_id, student.id, sign_in):
        reason = Reason.OTHER_SIGN_IN
    scan_save(
        purpose=RAPID_CODE,
        check=check,
        scanner=f"student:{student.id}",
        method=Method.QR,
        reason=reason,
        now=now,
        address=address,
    )
    return ChallengeScan(reason=reason, session_id=session_id, delay_ms=check.delay_ms)


def _checked_in_elsewhere(session_id: int | None, student_id: int, sign_in: str) -> bool:
    """Whether the student's check-ins of this session that count came from other sign-ins."""
    known = set(
        _checked_in(session_id)
        .filter(student_id=student_id)
        .exclude(sign_in="")
        .values_list("sign_in", flat=True)
    )
    return bool(known) and sign_in not in known


def _checked_in(session_id: int | None) -> QuerySet[CheckInAttempt]:
    """The check-ins, by phone, whose students a challenge expects if they came before it."""
    return CheckInAttempt.objects.filter(
        session_id=session_id,
        outcome__in=(Outcome.ACCEPTED, Outcome.PENDING, Outcome.WAITING),
        offline=False,
    ).exclude(method__in=(Method.CARD, Method.KIOSK))


def challenge_outcome(*, challenge: RapidCodeChallenge) -> tuple[list[ChallengeResult], bool]:
    """Who redeemed how many codes in time, of those who had checked in; and whether it is void."""
    checked_in = set(
        _checked_in(challenge.session_id)
        .filter(received_at__lte=challenge.started_at)
        .values_list("student_id", flat=True)
    )
    redeemed: dict[int, set[int]] = defaultdict(set)
    scans = Scan.objects.filter(
        purpose=RAPID_CODE,
        subject=subject_of(challenge.session_id),
        accepted=True,
        window__in=challenge.windows,
        at__gte=challenge.started_at,
    ).values_list("scanner", "window")
    for scanner, window in scans:
        if window is not None:
            redeemed[int(scanner.rpartition(":")[2])].add(window)
    return challenge_results(expected=checked_in, redeemed=redeemed)
