"""Hikvision's event notifications (ISAPI): JSON, alone or as a part of a multipart body."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.utils.dateparse import parse_datetime

from apps.common.moments import is_moment
from apps.terminals.models import Card
from apps.terminals.services.punches import PunchInput

ACCESS: Final = "AccessControllerEvent"
HEARTBEAT: Final = "heartBeat"
# Major type 5 is “event”. Minor ones: a card that may pass, with a password, and one that the
# reader does not know, which is for us to say; a finger and a face that it knows.
EVENT: Final = 5
BY_CARD: Final = frozenset({1, 2, 9})
BY_PERSON: Final = frozenset({38, 75})
LONGEST: Final = 64


@dataclass(frozen=True, kw_only=True)
class HikvisionNotice:
    """One notification: a punch with the kind of its number, the reader's time, or neither."""

    punch: PunchInput | None = None
    kind: str = Card.Kind.CARD
    clock: datetime | None = None


def read_notice(sent: Any) -> HikvisionNotice:
    """Of a body that was read as JSON; what says nothing of a card is an empty notice."""
    if not isinstance(sent, Mapping):
        return HikvisionNotice()
    at = _moment(sent.get("dateTime"))
    if sent.get("eventType") == HEARTBEAT:
        return HikvisionNotice(clock=at)
    event = sent.get(ACCESS)
    if at is None or not isinstance(event, Mapping) or event.get("majorEventType") != EVENT:
        return HikvisionNotice()
    kind, number = _number(event)
    serial = event.get("serialNo")
    if not number or not isinstance(serial, int):
        return HikvisionNotice()
    key = f"{serial}@{int(at.timestamp())}"
    return HikvisionNotice(punch=PunchInput(key=key, card=number, read_at=at), kind=kind)


def _number(event: Mapping[str, Any]) -> tuple[str, str]:
    minor = event.get("subEventType")
    if not isinstance(minor, int):
        return Card.Kind.CARD, ""
    if minor in BY_CARD:
        return Card.Kind.CARD, _text(event.get("cardNo"))
    if minor in BY_PERSON:
        return Card.Kind.PIN, _text(event.get("employeeNoString"))
    return Card.Kind.CARD, ""


def _text(value: Any) -> str:
    return value if isinstance(value, str) and len(value) <= LONGEST else ""


def _moment(value: Any) -> datetime | None:
    """With an offset from UTC alone: a local time would be anybody's."""
    try:
        at = parse_datetime(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return at if at is not None and at.tzinfo is not None and is_moment(at) else None
