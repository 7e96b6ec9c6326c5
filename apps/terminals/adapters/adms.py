"""ZKTeco's push protocol (ADMS): plain text, as attendance readers and door controllers send it.

Readers know people by a number of their own (PIN); door controllers send the card as well. Times
are local, without an offset: they are taken for the campus's.
"""

import hmac
import re
from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import Final

from apps.common.moments import is_moment
from apps.terminals.models import Card
from apps.terminals.services.punches import PunchInput

ATTENDANCE: Final = "ATTLOG"
EVENTS: Final = "rtlog"
FORMAT: Final = "%Y-%m-%d %H:%M:%S"
_PAIR: Final = re.compile(r"([A-Za-z]+)=(.*)")
NO_CARD: Final = re.compile(r"0*")
# Events of doors in which somebody was let in by a card or a number known to the controller.
LET_IN: Final = frozenset({"0", "1", "2", "3", "14", "15", "16", "17", "18", "19"})

Read = tuple[str, PunchInput]
"""The kind of number, and the punch."""


def attendance_lines(body: str, *, zone: tzinfo, key: bytes) -> Iterator[Read]:
    """Of the table ATTLOG: `PIN <tab> time <tab> status <tab> how …`. Other lines are none."""
    for line in body.splitlines():
        columns = line.strip("\r\n").split("\t")
        at = _moment(columns[1], zone) if len(columns) > 1 else None
        number = columns[0].strip()
        if at is not None and number:
            yield Card.Kind.PIN, _punch(number, at, key=key)


def event_lines(body: str, *, zone: tzinfo, key: bytes) -> Iterator[Read]:
    """Of the table rtlog: `time=… <tab> pin=… <tab> cardno=… <tab> event=… <tab> …`."""
    for line in body.splitlines():
        found = (_PAIR.fullmatch(part.strip()) for part in line.split("\t"))
        values = {pair[1].lower(): pair[2].strip() for pair in found if pair}
        at = _moment(values.get("time", ""), zone)
        if at is None or values.get("event", "0") not in LET_IN:
            continue
        card, number = values.get("cardno", ""), values.get("pin", "")
        if not NO_CARD.fullmatch(card):
            yield Card.Kind.CARD, _punch(card, at, key=key)
        elif not NO_CARD.fullmatch(number):
            yield Card.Kind.PIN, _punch(number, at, key=key)


def _moment(text: str, zone: tzinfo) -> datetime | None:
    try:
        at = datetime.strptime(text.strip(), FORMAT).replace(tzinfo=zone)
    except ValueError:
        return None
    return at if is_moment(at) else None


def _punch(number: str, at: datetime, *, key: bytes) -> PunchInput:
    """These readers number nothing: person and second are the punch's name, hashed like cards."""
    name = f"{number}|{at.isoformat()}".encode()
    return PunchInput(key=hmac.digest(key, name, "sha256").hex()[:40], card=number, read_at=at)


def options_text(serial_number: str, *, stamp: str) -> str:
    """What a reader is told as it connects: send attendance alone, at once, all since `stamp`."""
    lines = [
        f"GET OPTION FROM: {serial_number}",
        f"ATTLOGStamp={stamp or 'None'}",
        "OPERLOGStamp=9999",
        "ATTPHOTOStamp=9999",
        "ErrorDelay=60",
        "Delay=15",
        "TransTimes=00:00;12:00",
        "TransInterval=1",
        "TransFlag=TransData AttLog",
        "Realtime=1",
        "Encrypt=None",
    ]
    return "\n".join(lines) + "\n"


def controller_text() -> str:
    """The same for a door controller."""
    lines = [
        "ServerVersion=3.1.2",
        "ServerName=Campus",
        "PushVersion=3.1.2",
        "ErrorDelay=60",
        "RequestDelay=15",
        "TransTimes=00:00;12:00",
        "TransInterval=1",
        "TransTables=Transaction",
        "Realtime=1",
        "TimeoutSec=10",
    ]
    return "\n".join(lines) + "\n"
