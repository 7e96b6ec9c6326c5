"""What every channel has in common: what it is given, and what it answers."""

import email.utils
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final

import urllib3
from urllib3.exceptions import HTTPError

CONNECT_SECONDS: Final = 5.0
READ_SECONDS: Final = 15.0


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """One delivery, ready to be sent: the texts are in the recipient's language already.

    `tag` is the same for every try: where the provider or the device knows such a thing, a second
    copy replaces the first.
    """

    delivery_id: int
    address: str
    title: str
    body: str
    tag: str
    kind: str = ""
    language: str = ""
    campus_id: int = 0  # 0: a preview
    campus_name: str = ""
    device_type: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    keys: tuple[str, str] = ("", "")
    is_for_contact: bool = False  # to a guardian or adviser of the person


class Result(Enum):
    SENT = "sent"
    RETRY = "retry"  # this one could not be sent now
    DOWN = "down"  # the provider does not work: nor could any other
    REJECTED = "rejected"  # never try this one again
    GONE = "gone"  # nor this address


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How one try ended. `retry_after` is in seconds, as the provider asked for."""

    result: Result
    provider_id: str = ""
    error: str = ""
    retry_after: float | None = None


class Channel:
    """Sends parcels over one provider.

    `repeatable`: a try whose answer was lost may be repeated, because the second copy replaces the
    first. `may_wake`: it makes a device ring, so quiet hours hold.
    """

    name: str
    repeatable: bool = True
    may_wake: bool = True

    def is_configured(self) -> bool:
        raise NotImplementedError

    def send_many(self, parcels: list[Parcel]) -> Iterator[tuple[Parcel, Outcome]]:
        """Each parcel once, with its outcome, in the order in which they end. Never raises."""
        raise NotImplementedError


class HttpChannel(Channel):
    """One request per parcel, several at a time, over connections that are kept open."""

    def __init__(self, *, concurrency: int) -> None:
        self.concurrency = concurrency
        self.http = urllib3.PoolManager(
            maxsize=concurrency,
            block=True,
            retries=False,
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
        )
        self._pool = ThreadPoolExecutor(concurrency, thread_name_prefix=self.name)

    def send(self, parcel: Parcel) -> Outcome:
        raise NotImplementedError

    def prepare(self) -> Outcome | None:
        """Once before each batch; an outcome ends it for all (no access token, say)."""
        return None

    def send_many(self, parcels: list[Parcel]) -> Iterator[tuple[Parcel, Outcome]]:
        spoilt = self.prepare()
        if spoilt is not None:
            yield from ((parcel, spoilt) for parcel in parcels)
            return
        running = {self._pool.submit(self._send, parcel): parcel for parcel in parcels}
        for done in as_completed(running):
            yield running[done], done.result()

    def _send(self, parcel: Parcel) -> Outcome:
        try:
            return self.send(parcel)
        except (HTTPError, OSError) as error:
            return Outcome(result=Result.DOWN, error=f"{self.name}: {type(error).__name__}")
        except (ValueError, KeyError, TypeError) as error:
            return Outcome(result=Result.REJECTED, error=f"{type(error).__name__}: {error}")


def retry_after(response: urllib3.BaseHTTPResponse, *, now: datetime | None = None) -> float | None:
    """Seconds of a Retry-After header, given as seconds or as a date (RFC 9110 §10.2.3)."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isdigit():
        return float(value)
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())


def temporary(response: urllib3.BaseHTTPResponse, error: str) -> Outcome:
    """429 asks to slow down; 5xx says that the provider does not work."""
    result = Result.DOWN if response.status >= 500 else Result.RETRY
    return Outcome(result=result, error=error, retry_after=retry_after(response))
