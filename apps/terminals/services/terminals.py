"""Terminals: set up, given another token, heard of; and kiosks, of a session or of a room."""

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from apps.attendance.selectors.policies import closes_at
from apps.audit.services import Actor, log_event
from apps.common.errors import Forbidden, Refused
from apps.sessions.models import ClassSession
from apps.terminals.models import CardTerminal
from apps.terminals.selectors import terminals_live
from apps.terminals.tokens import TerminalToken, opening_code, opening_digest

NOTED_EVERY: Final = timedelta(seconds=30)
OPENS_FOR: Final = timedelta(minutes=15)  # from the office to the door of the room


@transaction.atomic
def terminal_add(terminal: CardTerminal, *, now: datetime, actor: Actor) -> str:
    """Save a new terminal; returns its token, or a room's kiosk's opening code, kept nowhere."""
    secret = _secret(terminal, now)
    terminal.save()
    log_event(
        actor=actor,
        action="terminals.terminal.added",
        now=now,
        target=terminal,
        data={"name": terminal.name, "kind": terminal.kind, "classroom": terminal.classroom_id},
    )
    return secret


@transaction.atomic
def terminal_token_replace(*, terminal: CardTerminal, now: datetime, actor: Actor) -> str:
    """A new token, or opening code of a room's kiosk; the token before is refused at once."""
    secret = _secret(terminal, now)
    CardTerminal.objects.filter(pk=terminal.pk).update(
        lookup=terminal.lookup,
        digest=terminal.digest,
        opening_digest=terminal.opening_digest,
        opens_until=terminal.opens_until,
    )
    log_event(actor=actor, action="terminals.terminal.token_replaced", now=now, target=terminal)
    return secret


def _secret(terminal: CardTerminal, now: datetime) -> str:
    """What is shown: of a room's kiosk a code, whose opening makes the token that counts."""
    token = TerminalToken.new()
    terminal.lookup, terminal.digest = token.lookup, token.digest
    if terminal.kind != CardTerminal.Kind.ROOM_KIOSK:
        return str(token)
    code = opening_code()
    terminal.opening_digest, terminal.opens_until = opening_digest(code), now + OPENS_FOR
    return code


@transaction.atomic
def room_kiosk_open(*, code: str, now: datetime, actor: Actor) -> str:
    """The token for the browser in which this code was opened. Each code opens once, of two
    browsers at once for one. Raises `Forbidden` (opening_code_unknown)."""
    digest = opening_digest(code)
    waiting = terminals_live(now=now).filter(opening_digest=digest, opens_until__gt=now)
    kiosk, token = waiting.first(), TerminalToken.new()
    opened = waiting.update(
        lookup=token.lookup,
        digest=token.digest,
        opening_digest=None,
        opens_until=None,
        heard_at=now,
    )
    if kiosk is None or not opened:
        message = _("This code is wrong, was used, or is too old. Ask for a new one.")
        raise Forbidden("opening_code_unknown", message)
    data = {"classroom": kiosk.classroom_id}
    log_event(actor=actor, action="terminals.kiosk.opened", now=now, target=kiosk, data=data)
    return str(token)


def terminal_heard(
    *, terminal: CardTerminal, now: datetime, drift_seconds: int | None = None
) -> None:
    """Note that it spoke, to half a minute, and how far its clock is ahead where it said so."""
    changed: dict[str, object] = {}
    if terminal.heard_at is None or now - terminal.heard_at >= NOTED_EVERY:
        changed["heard_at"] = now
    if drift_seconds is not None and drift_seconds != terminal.drift_seconds:
        changed["drift_seconds"] = drift_seconds
    if changed:
        CardTerminal.objects.filter(pk=terminal.pk).update(**changed)


def terminal_stamp_note(*, terminal: CardTerminal, stamp: str) -> None:
    """How far a ZKTeco reader has sent its log, in its own count: it is told so when it returns."""
    CardTerminal.objects.filter(pk=terminal.pk).update(stamp=stamp[:20])


@transaction.atomic
def kiosk_open(*, session: ClassSession, now: datetime, actor: Actor) -> tuple[CardTerminal, str]:
    """A kiosk for this open session, and its token. Raises `Refused` (session_not_open)."""
    if session.status != ClassSession.Status.OPEN:
        raise Refused("session_not_open", _("This session is not open."))
    kiosk = CardTerminal(
        kind=CardTerminal.Kind.KIOSK,
        name=_("Kiosk of %(course)s") % {"course": session.codes[:60]},
        classroom=session.classroom,
        session=session,
        heard_at=now,
        ends_at=closes_at(session),
    )
    return kiosk, terminal_add(kiosk, now=now, actor=actor)


@transaction.atomic
def kiosk_close(*, kiosk: CardTerminal, now: datetime, actor: Actor) -> None:
    """End it at once."""
    live = Q(pk=kiosk.pk, kind=CardTerminal.Kind.KIOSK, ends_at__gt=now)
    if CardTerminal.objects.filter(live).update(ends_at=now):
        log_event(actor=actor, action="terminals.kiosk.closed", now=now, target=kiosk)
