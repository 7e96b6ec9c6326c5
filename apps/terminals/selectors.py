"""Whose a card is, which terminal speaks, and which sessions a punch may belong to."""

import hmac
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q, QuerySet

from apps.attendance.models import Policy
from apps.attendance.selectors.policies import policies_for, policy_for
from apps.classrooms.models import Classroom
from apps.common.crypto import unseal
from apps.enrollments.models import EnrollmentPeriod
from apps.sessions.models import ClassSession
from apps.tenants.scope import current_campus_id
from apps.terminals.models import Card, CardKey, CardTerminal, Punch
from apps.terminals.reading import plain_card
from apps.terminals.reasons import PunchReason
from apps.terminals.tokens import TerminalToken

CARD_SEAL: Final = "card-key"
REACH: Final = timedelta(hours=24)  # no session begins or ends further from a punch of it
RETRIED_FOR: Final = timedelta(hours=24)
# These ask or say something every minute; others speak when a card is read.
RARELY_HEARD: Final = timedelta(days=3)
SILENT_AFTER: Final[dict[str, timedelta]] = {
    CardTerminal.Kind.ADMS: timedelta(hours=1),
    CardTerminal.Kind.HIKVISION: timedelta(hours=1),
    CardTerminal.Kind.ROOM_KIOSK: timedelta(hours=1),
}
DRIFTING: Final = 60  # seconds that a clock may be off before somebody should set it
MOST_AT_ONCE: Final = 500
# What a correction of the timetable, an enrolment or a card may mend.
MENDED: Final = (
    PunchReason.UNKNOWN_CARD,
    PunchReason.NO_SESSION,
    PunchReason.NOT_ENROLLED,
    PunchReason.NOT_HELD,
)
HELD: Final = (ClassSession.Status.OPEN, ClassSession.Status.COMPLETED)


# --- Cards -----------------------------------------------------------------------------------


def card_key() -> bytes | None:
    """The campus's key of cards; None where there is none yet."""
    row = CardKey.objects.first()
    return None if row is None else unseal(CARD_SEAL, current_campus_id(), bytes(row.sealed_key))


def card_digest(key: bytes, number: str, *, kind: str) -> bytes:
    """HMAC-SHA-256 of the plain number. Numbers in readers are apart from those of cards."""
    return hmac.digest(key, f"{kind}:{plain_card(number)}".encode(), "sha256")


def cards_by_digest(digests: Collection[bytes]) -> dict[bytes, list[Card]]:
    """Every card with these hashes, revoked ones too, the earliest revoked first. One statement."""
    found: dict[bytes, list[Card]] = defaultdict(list)
    rows = Card.objects.filter(digest__in=set(digests)).select_related("student")
    for card in rows.order_by("revoked_at", "pk"):  # PostgreSQL: those without an end come last
        found[bytes(card.digest)].append(card)
    return found


def card_at(cards: Iterable[Card], at: datetime) -> Card | None:
    """Whose of them was in force at that moment."""
    return next((card for card in cards if card.revoked_at is None or card.revoked_at > at), None)


# --- Terminals -------------------------------------------------------------------------------


def terminals_live(*, now: datetime) -> QuerySet[CardTerminal]:
    return CardTerminal.objects.filter(Q(ends_at=None) | Q(ends_at__gt=now), is_active=True)


def terminal_by_token(text: str, *, now: datetime, kinds: Collection[str]) -> CardTerminal | None:
    """The active terminal of these kinds whose token this text is; None for any other text."""
    token = TerminalToken.of(text)
    if token is None:
        return None
    terminal = terminals_live(now=now).filter(lookup=token.lookup, kind__in=kinds).first()
    return terminal if terminal and token.proves(terminal.digest) else None


def terminal_by_serial(serial_number: str, *, now: datetime) -> CardTerminal | None:
    """The active ZKTeco reader with this number, which proves nothing by itself."""
    if not serial_number:
        return None
    live = terminals_live(now=now).filter(kind=CardTerminal.Kind.ADMS)
    return live.filter(serial_number=serial_number).first()


def terminals_unwell(*, now: datetime) -> list[tuple[CardTerminal, bool]]:
    """Readers that have been silent for too long (True), or whose clock is off (False)."""
    found = []
    for terminal in terminals_live(now=now).exclude(kind=CardTerminal.Kind.KIOSK):
        heard_at = terminal.heard_at or terminal.created_at
        if now - heard_at > SILENT_AFTER.get(terminal.kind, RARELY_HEARD):
            found.append((terminal, True))
        elif abs(terminal.drift_seconds or 0) > DRIFTING:
            found.append((terminal, False))
    return found


# --- Sessions --------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class RoomSession:
    """A session of the terminal's room, with the span in which its policy takes a card."""

    session: ClassSession
    begins_at: datetime
    ends_at: datetime
    students: frozenset[int]

    def takes(self, at: datetime) -> bool:
        return self.begins_at <= at <= self.ends_at


def room_sessions(
    *, terminal: CardTerminal, moments: Collection[datetime], students: Collection[int]
) -> list[RoomSession]:
    """The sessions near these moments in the terminal's room; of a kiosk its own session alone.

    Three statements whatever their number. `students` of each: those of the named who were enrolled
    on its day.
    """
    if not moments:
        return []
    rows = ClassSession.objects.exclude(status=ClassSession.Status.CANCELLED)
    if terminal.kind == CardTerminal.Kind.KIOSK:
        rows = rows.filter(kiosks=terminal)
    else:
        rows = rows.filter(
            classroom=terminal.classroom_id,
            starts_at__lt=max(moments) + REACH,
            ends_at__gt=min(moments) - REACH,
        )
    sessions = list(rows.select_related("course").order_by("starts_at", "pk"))
    policies = policies_for(course_ids={session.course_id for session in sessions})
    enrolled = _enrolled(sessions, students)
    return [
        _with_span(session, policies[session.course_id], enrolled[session.pk])
        for session in sessions
    ]


def _enrolled(
    sessions: Collection[ClassSession], students: Collection[int]
) -> Mapping[int, set[int]]:
    """By session, who of these was enrolled in one of its courses on its day."""
    found: dict[int, set[int]] = defaultdict(set)
    days = {session.pk: session.held_on for session in sessions}
    if not days or not students:
        return found
    rows = EnrollmentPeriod.objects.filter(
        enrollment__student__in=students, enrollment__course__meetings__session__in=days
    ).values_list(
        "enrollment__course__meetings__session",
        "enrollment__student",
        "enrolled_on",
        "ended_on",
    )
    for session_id, student_id, first, last in rows:
        day = days.get(session_id)
        if day is not None and first <= day and (last is None or last > day):
            found[session_id].add(student_id)
    return found


def _with_span(session: ClassSession, policy: Policy, students: Collection[int]) -> RoomSession:
    """From when it may be opened, or the policy lets people check in, until its check-in ends.

    Of a session that was opened its own policy says so, as for every check-in.
    """
    rules = session.policy or {
        "check_in_from_minutes": policy.check_in_from_minutes,
        "check_in_until_minutes": policy.check_in_until_minutes,
    }
    first, last = rules.get("check_in_from_minutes"), rules.get("check_in_until_minutes")
    begins = -policy.open_before_minutes if first is None else first
    ends = session.ends_at if last is None else session.starts_at + timedelta(minutes=last)
    return RoomSession(
        session=session,
        begins_at=session.starts_at + timedelta(minutes=begins),
        ends_at=ends,
        students=frozenset(students),
    )


@dataclass(frozen=True, kw_only=True)
class KioskView:
    """What a kiosk shows: its open sessions, the one that comes next, whether cards are taken.

    `is_near`: a card counts for the one that comes next by now already.
    """

    sessions: list[ClassSession]
    following: ClassSession | None = None
    is_near: bool = False
    takes_cards: bool


def kiosk_view(*, kiosk: CardTerminal, now: datetime) -> KioskView:
    """Of a session's kiosk that session while it is open; of a room's what is open there, and what
    comes next where nothing is open or it is near.

    Three statements at most.
    """
    sessions = list(kiosk_sessions(kiosk).select_related("course__subject", "classroom__building"))
    takes_cards = any(one.policy.get("card_weight") is not None for one in sessions)
    if kiosk.kind == CardTerminal.Kind.KIOSK:
        return KioskView(sessions=sessions, takes_cards=takes_cards)
    later = ClassSession.objects.filter(
        classroom=kiosk.classroom_id, status=ClassSession.Status.SCHEDULED, ends_at__gt=now
    )
    following = later.select_related("course__subject").order_by("starts_at", "pk").first()
    policy = policy_for(course=following.course if following else None)
    is_near = following is not None and _with_span(following, policy, ()).takes(now)
    if is_near or not sessions:
        takes_cards = takes_cards or policy.card_weight is not None
    else:
        following = None
    return KioskView(
        sessions=sessions, following=following, is_near=is_near, takes_cards=takes_cards
    )


def room_of(terminal: CardTerminal) -> Classroom:
    """Where it hangs, with the building. Not for kiosks of sessions without a room."""
    assert terminal.classroom_id is not None
    return Classroom.objects.select_related("building").get(pk=terminal.classroom_id)


def kiosk_sessions(kiosk: CardTerminal) -> QuerySet[ClassSession]:
    """The open sessions that this kiosk is for."""
    rows = ClassSession.objects.filter(status=ClassSession.Status.OPEN)
    if kiosk.kind == CardTerminal.Kind.KIOSK:
        return rows.filter(kiosks=kiosk)
    return rows.filter(classroom=kiosk.classroom_id).order_by("starts_at", "pk")


# --- Punches ---------------------------------------------------------------------------------


def punches_due(*, now: datetime) -> dict[CardTerminal, list[Punch]]:
    """Punches whose session was opened or called off, or that waited in vain, by terminal."""
    waiting = Punch.objects.filter(status=Punch.Status.WAITING)
    late = Q(at__lt=now - RETRIED_FOR)
    return _by_terminal(waiting.filter(late | ~Q(session__status=ClassSession.Status.SCHEDULED)))


def punches_mendable(*, now: datetime) -> dict[CardTerminal, list[Punch]]:
    """Queued ones of the last day that a later feed may explain, by terminal."""
    queued = Punch.objects.filter(status=Punch.Status.QUEUED, reason__in=MENDED)
    return _by_terminal(queued.filter(at__gte=now - RETRIED_FOR))


def _by_terminal(punches: QuerySet[Punch]) -> dict[CardTerminal, list[Punch]]:
    found: dict[CardTerminal, list[Punch]] = defaultdict(list)
    rows = punches.select_related("terminal").order_by("at", "pk")
    for punch in rows[:MOST_AT_ONCE]:
        found[punch.terminal].append(punch)
    return found
