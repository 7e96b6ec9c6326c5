"""Punches as terminals send them: kept, each with what it came to, whatever it is."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Q

from apps.audit.services import Actor, log_event
from apps.checkin.services.offline import SENT_WITHIN
from apps.common.ids import uuid7
from apps.common.moments import is_moment
from apps.terminals.models import Card, CardTerminal, Punch
from apps.terminals.reading import drift_of, plain_card
from apps.terminals.reasons import PunchReason
from apps.terminals.selectors import (
    RETRIED_FOR,
    card_digest,
    cards_by_digest,
    room_sessions,
)
from apps.terminals.services.cards import card_key_needed
from apps.terminals.services.counting import punches_count, students_lock
from apps.terminals.services.placing import MOST_DRIFT, arrivals_of, own, place, unreadable
from apps.terminals.services.terminals import terminal_heard

MOST: Final = 500  # punches at once
CHANGED: Final = ("student", "session", "status", "reason", "attempt_id")


@dataclass(frozen=True, kw_only=True)
class PunchInput:
    """What a reader read. `read_at` is by its own clock; `key` names it in this reader."""

    key: str
    card: str
    read_at: datetime


def terminal_actor(terminal: CardTerminal) -> Actor:
    return Actor(label=f"{terminal.get_kind_display()}: {terminal.name}"[:254])


@transaction.atomic
def punches_take(
    *,
    terminal: CardTerminal,
    punches: Sequence[PunchInput],
    now: datetime,
    sent_at: datetime | None = None,
    kind: str = Card.Kind.CARD,
) -> list[Punch]:
    """Keep these punches and count those that fit; returns one row for each, in their order.

    `sent_at` is what the reader's clock said when it sent them: what it is ahead is taken off every
    time. A key that is known is the row of before, unchanged. At most `MOST` at once.
    """
    drift = drift_of(sent_at, now=now)
    CardTerminal.objects.select_for_update(no_key=True).get(pk=terminal.pk)  # one at a time
    terminal_heard(terminal=terminal, now=now, drift_seconds=drift)
    if drift is None and terminal.kind == CardTerminal.Kind.HIKVISION:
        drift = terminal.drift_seconds  # these say their time between readings
    keys = {one.key for one in punches}
    before = Punch.objects.filter(terminal=terminal, key__in=keys)
    before = before.select_related("student", "session")
    known = {row.key: row for row in before}
    hash_key = card_key_needed(now=now)
    new: dict[str, Punch] = {}
    blank: set[str] = set()
    for one in punches:
        if one.key in known or one.key in new:
            continue
        if not plain_card(one.card):
            blank.add(one.key)
        new[one.key] = Punch(
            id=uuid7(),
            terminal=terminal,
            key=one.key,
            digest=card_digest(hash_key, one.card, kind=kind),
            read_at=one.read_at,
            at=_corrected(one.read_at, drift),
            drift_seconds=drift,
            received_at=now,
        )
    rows = list(new.values())
    _place_all(terminal, rows, blank=blank, now=now)
    Punch.objects.bulk_create(rows)
    known.update(new)
    return [known[one.key] for one in punches]


def _corrected(read_at: datetime, drift: int | None) -> datetime:
    if drift is None or abs(drift) > MOST_DRIFT:
        return read_at
    at = read_at - timedelta(seconds=drift)
    return at if is_moment(at) else read_at


def _place_all(
    terminal: CardTerminal,
    punches: Collection[Punch],
    *,
    now: datetime,
    blank: Collection[str] = (),
) -> None:
    """Decide on punches of one terminal, earliest first; they are not saved here."""
    cards = cards_by_digest({bytes(punch.digest) for punch in punches})
    owned = []
    for punch in sorted(punches, key=lambda punch: (punch.at, punch.key)):
        punch.status, punch.session = Punch.Status.QUEUED, None
        if _is_of_before(punch, terminal):
            punch.status, punch.reason = Punch.Status.NOTED, PunchReason.BEFORE
            continue
        punch.reason = unreadable(punch, is_blank=punch.key in blank) or own(
            punch, cards.get(bytes(punch.digest), [])
        )
        if not punch.reason:
            owned.append(punch)
    students = {punch.student_id for punch in owned if punch.student_id is not None}
    students_lock(students)
    moments = [punch.at for punch in owned]
    sessions = room_sessions(terminal=terminal, moments=moments, students=students)
    there = arrivals_of(sessions=sessions, students=students, but=punches)
    counted: dict[int, list[Punch]] = defaultdict(list)
    for punch in owned:
        assert punch.student is not None  # it has an owner
        place(punch, punch.student, sessions, there)
        if punch.status == Punch.Status.COUNTED and punch.session is not None:
            counted[punch.session.pk].append(punch)
    for _session_id, group in sorted(counted.items()):
        session = group[0].session
        assert session is not None  # counted in it
        actor = terminal_actor(terminal)
        punches_count(session=session, punches=group, now=now, actor=actor)


def _is_of_before(punch: Punch, terminal: CardTerminal) -> bool:
    """Whether it is from a log of another use, which some readers send at the first contact."""
    return punch.at < terminal.created_at and punch.received_at - punch.at > SENT_WITHIN


# --- Later -----------------------------------------------------------------------------------


@transaction.atomic
def punches_retry(
    *,
    terminal: CardTerminal,
    punches: Collection[Punch],
    now: datetime,
    actor: Actor | None = None,
) -> int:
    """Decide anew on punches of one terminal that wait or are queued; returns how many changed.

    `actor`: the person who asked for it, whose name goes into the log; None by the clock.
    """
    ids = [punch.pk for punch in punches]
    rows = list(
        Punch.objects.select_for_update(of=("self",))
        .filter(pk__in=ids, terminal=terminal)
        .filter(status__in=(Punch.Status.WAITING, Punch.Status.QUEUED))
        .exclude(reason=PunchReason.BLANK)
        .order_by("pk")
    )
    before = {punch.pk: (punch.status, punch.reason, punch.session_id) for punch in rows}
    _place_all(terminal, rows, now=now)
    for punch in rows:
        _end_waiting(punch, now=now)
    changed = [p for p in rows if (p.status, p.reason, p.session_id) != before[p.pk]]
    Punch.objects.bulk_update(changed, CHANGED)
    if actor is not None:
        for punch in changed:
            data = {"status": punch.status, "reason": punch.reason}
            log_event(
                actor=actor, action="terminals.punch.tried_again", now=now, target=punch, data=data
            )
    return len(changed)


def _end_waiting(punch: Punch, *, now: datetime) -> None:
    """A session that nobody opened within a day was not held."""
    if punch.status == Punch.Status.WAITING and now - punch.at > RETRIED_FOR:
        punch.status, punch.reason = Punch.Status.QUEUED, PunchReason.NOT_HELD


def punches_purge(*, before: datetime) -> int:
    """Forget punches of before this moment; the check-ins that they became stay.

    Of a reader whose clock is ahead by years, those that came before it.
    """
    old = Q(at__lt=before) | Q(received_at__lt=before)
    deleted, _by_model = Punch.objects.filter(old).delete()
    return deleted
