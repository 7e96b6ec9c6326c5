"""Which session a punch belongs to: exactly one, or none, with the reason. Nothing is guessed."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from apps.accounts.models import Student
from apps.attendance.models import AttendanceRecord
from apps.attendance.selectors.register import ATTENDED
from apps.checkin.models import CheckInAttempt, Method, Outcome
from apps.checkin.services.offline import SENT_WITHIN
from apps.sessions.models import ClassSession
from apps.terminals.models import Card, Punch
from apps.terminals.reasons import PunchReason
from apps.terminals.selectors import HELD, RoomSession, card_at

AHEAD: Final = timedelta(minutes=2)  # of our clock, by rounding and slow networks
MOST_DRIFT: Final = 3600  # seconds; a clock further off is not believed at all
NEAR: Final = timedelta(hours=3)  # of the student's own session, to say “too early” or “too late”

PHONELESS: Final = (Method.CARD, Method.KIOSK)  # what needs no phone of one's own

Place = tuple[int, int]  # (session, student)


@dataclass
class KnownArrivals:
    """Who is known to be there: since when, and whether a card or a kiosk says so."""

    since: dict[Place, datetime] = field(default_factory=dict)
    by_card: set[Place] = field(default_factory=set)

    def add(self, place: Place, at: datetime, *, by_card: bool) -> None:
        self.since[place] = min(at, self.since.get(place, at))
        if by_card:
            self.by_card.add(place)


def arrivals_of(
    *,
    sessions: Collection[RoomSession],
    students: Collection[int],
    but: Collection[Punch] = (),
) -> KnownArrivals:
    """From check-ins that count or wait, marks by hand, and punches that wait, without these.

    Three statements.
    """
    found = KnownArrivals()
    starts = {one.session.pk: one.session.starts_at for one in sessions}
    these = {"session__in": starts, "student__in": students}
    attempts = CheckInAttempt.objects.filter(
        outcome__in=(Outcome.ACCEPTED, Outcome.WAITING, Outcome.PENDING), **these
    )
    for attempt in attempts:
        place = (attempt.session_id, attempt.student_id)
        found.add(place, attempt.scanned_at, by_card=attempt.method in PHONELESS)
    by_hand = AttendanceRecord.objects.filter(status__in=ATTENDED, attempt_id=None, **these)
    for session_id, student_id in by_hand.values_list("session_id", "student_id"):
        found.add((session_id, student_id), starts[session_id], by_card=False)
    waiting = Punch.objects.filter(status=Punch.Status.WAITING, **these)
    for punch in waiting.exclude(pk__in=[punch.pk for punch in but]):
        assert punch.session_id is not None  # asked for
        assert punch.student_id is not None
        found.add((punch.session_id, punch.student_id), punch.at, by_card=True)
    return found


def unreadable(punch: Punch, *, is_blank: bool) -> str:
    """Why nothing can be made of a punch whoever's it is; "" where something can."""
    if is_blank:
        return PunchReason.BLANK
    off = punch.drift_seconds is not None and abs(punch.drift_seconds) > MOST_DRIFT
    if off or punch.at > punch.received_at + AHEAD:
        return PunchReason.CLOCK_OFF
    return ""


def own(punch: Punch, cards: Collection[Card]) -> str:
    """Find out whose it is; returns why it is nobody's."""
    card = card_at(cards, punch.at)
    if card is None:
        return PunchReason.REVOKED_CARD if cards else PunchReason.UNKNOWN_CARD
    punch.student = card.student
    return "" if card.student.is_active else PunchReason.REVOKED_CARD


def place(
    punch: Punch, student: Student, sessions: Collection[RoomSession], there: KnownArrivals
) -> None:
    """Say which session it is of, or why of none. Expects those of one room, in order of time."""
    punch.session, punch.reason = None, ""
    punch.status = Punch.Status.QUEUED
    if punch.received_at - punch.at > SENT_WITHIN:
        punch.reason = PunchReason.TOO_OLD
        return
    fitting = [one for one in sessions if student.pk in one.students and one.takes(punch.at)]
    if not fitting:
        punch.reason, punch.session = _missed(punch.at, student, sessions)
        return
    new = [one for one in fitting if not _is_there(one, student, punch.at, there)]
    chosen = (new or fitting)[0]
    punch.session = chosen.session
    if len(new) > 1:
        punch.session, punch.reason = None, PunchReason.TWO_SESSIONS
    elif (not new and len(fitting) > 1) or (chosen.session.pk, student.pk) in there.by_card:
        punch.status, punch.reason = Punch.Status.NOTED, PunchReason.DUPLICATE
    elif chosen.session.status not in HELD:
        punch.status = Punch.Status.WAITING
    elif chosen.session.policy.get("card_weight") is None:
        punch.reason = PunchReason.CARDS_OFF
    else:
        punch.status = Punch.Status.COUNTED
    if punch.status in (Punch.Status.WAITING, Punch.Status.COUNTED):
        there.add((chosen.session.pk, student.pk), punch.at, by_card=True)


def _is_there(one: RoomSession, student: Student, at: datetime, there: KnownArrivals) -> bool:
    since = there.since.get((one.session.pk, student.pk))
    return since is not None and since <= at


def _missed(
    at: datetime, student: Student, sessions: Collection[RoomSession]
) -> tuple[PunchReason, ClassSession | None]:
    """The nearest reason, with the session that it is about."""
    mine = [one for one in sessions if student.pk in one.students]
    early = [one for one in mine if at < one.begins_at <= at + NEAR]
    late = [one for one in mine if one.ends_at < at <= one.ends_at + NEAR]
    others = [one for one in sessions if one.takes(at)]
    if early:
        return PunchReason.TOO_EARLY, early[0].session
    if late:
        return PunchReason.TOO_LATE, late[-1].session
    if others:
        return PunchReason.NOT_ENROLLED, None
    return PunchReason.NO_SESSION, None
