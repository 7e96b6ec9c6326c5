"""When accounts were last heard of: noted per minute in Valkey, without a statement of SQL.

Offline check-ins ask it (`apps.checkin.services.online`, which keeps the notes in PostgreSQL): an
account that was heard of after a code was shown had a network. Check-ins and scans are not noted,
because they are rows of their own.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from django.core.cache import cache

from apps.common.cache import ask_server
from apps.tenants.scope import current_campus_id

MINUTE: Final = 60  # seconds


@dataclass(frozen=True, kw_only=True)
class Heard:
    """The last request of an account in one minute. `opening`: only a sign-in, a renewed token or
    what a phone had kept, as of one that comes back from a place without network."""

    user_id: int
    minute: int
    opening: bool
    at: datetime

    @property
    def field(self) -> str:
        return f"{self.user_id}:{self.minute}:{int(self.opening)}"


def minute_of(moment: datetime) -> int:
    return int(moment.timestamp()) // MINUTE


def online_note(*, user_id: int, now: datetime, opening: bool = False) -> None:
    """Note that this account of the entered campus was heard of. A lost cache loses the note."""
    heard = Heard(user_id=user_id, minute=minute_of(now), opening=opening, at=now)
    at = int(now.timestamp() * 1000)
    ask_server(lambda client: client.hset(_key(), heard.field, at), otherwise=0)


def minutes_noted(*, user_id: int | None = None) -> list[Heard]:
    """The notes of the entered campus that are not yet kept in PostgreSQL; of one account."""
    match = None if user_id is None else f"{user_id}:*"
    return ask_server(
        lambda client: list(_read(client.hscan_iter(_key(), match=match, count=1000))),
        otherwise=[],
    )


def minutes_forget(heard: Collection[Heard]) -> None:
    """Drop notes that were kept elsewhere."""
    if heard:
        fields = [one.field for one in heard]
        ask_server(lambda client: client.hdel(_key(), *fields), otherwise=0)


def _read(pairs: Any) -> Iterator[Heard]:
    for field, value in pairs:
        user_id, minute, opening = field.decode().split(":")
        yield Heard(
            user_id=int(user_id),
            minute=int(minute),
            opening=opening == "1",
            at=datetime.fromtimestamp(int(value) / 1000, tz=UTC),
        )


def _key() -> str:
    return cache.make_and_validate_key(f"heard:{current_campus_id()}")
