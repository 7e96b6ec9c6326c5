"""A terminal in the cast's room, cards, and punches of them."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from apps.accounts.models import Student
from apps.attendance.models import AttendanceRecord, Policy
from apps.attendance.services.register import register_open
from apps.audit.services import SYSTEM
from apps.classrooms.models import Classroom
from apps.sessions.models import ClassSession
from apps.terminals.models import CardTerminal, Punch
from apps.terminals.services.cards import card_add
from apps.terminals.services.punches import PunchInput, punches_take
from apps.terminals.services.terminals import terminal_add
from tests.factories import Cast, make_session

MINUTE = timedelta(minutes=1)


def allow_cards(now: datetime, worth: str | None = "0.80", **rules: Any) -> Policy:
    """The campus's policy with cards at this weight."""
    version = Policy.objects.count() + 1
    weight = None if worth is None else Decimal(worth)
    return Policy.objects.create(version=version, card_weight=weight, created_at=now, **rules)


def make_terminal(
    classroom: Classroom, *, now: datetime, kind: str = "rest", **fields: Any
) -> tuple[CardTerminal, str]:
    name = fields.pop("name", "Door")
    terminal = CardTerminal(name=name, kind=kind, classroom=classroom, **fields)
    token = terminal_add(terminal, now=now, actor=SYSTEM)
    return terminal, token


def give_card(student: Student, number: str, *, now: datetime, kind: str = "card") -> None:
    card_add(student=student, number=number, now=now, actor=SYSTEM, kind=kind)


def open_lesson(cast: Cast, *, now: datetime, **fields: Any) -> ClassSession:
    session = make_session(fields.pop("course", cast.course), **fields)
    return register_open(session=session, topic="Sorting", now=now, actor=SYSTEM)


def punch(
    terminal: CardTerminal,
    card: str,
    at: datetime,
    *,
    key: str = "",
    now: datetime | None = None,
    sent_at: datetime | None = None,
) -> Punch:
    one = PunchInput(key=key or f"{card}@{at:%d%H%M%S}", card=card, read_at=at)
    [row] = punches_take(terminal=terminal, punches=[one], now=now or at, sent_at=sent_at)
    return row


def register(session: ClassSession) -> Mapping[str, tuple[str, int]]:
    """Status and minutes late of each marked student, by their code."""
    rows = AttendanceRecord.objects.filter(session=session).select_related("student")
    return {row.student.code: (row.status, row.minutes_late) for row in rows}
