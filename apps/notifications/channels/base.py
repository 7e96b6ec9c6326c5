"""What every channel has in common: what it is given, and what it answers."""

import logging
import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final
from uuid import UUID

from apps.common.http import AddressRefused, HttpAnswer, HttpClient, NoAnswer

logger = logging.getLogger(__name__)

LONGEST_WAIT: Final = 24 * 3600.0  # seconds; anyone who asks for more is asked again before


@dataclass(frozen=True, kw_only=True)
class OutgoingMessage:
    """One delivery, ready to be sent: the texts are in the recipient's language already.

    `tag` is the same for every try: where the provider or the device knows such a thing, a second
    copy replaces the first.
    """

    delivery_id: UUID
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
    link: str = ""  # of an e-mail, made when it is sent


class SendStatus(Enum):
    SENT = "sent"
    RETRY = "retry"  # this one could not be sent now
    AWAY = "away"  # this address does not answer, or not to us: leave it alone for a while
    DOWN = "down"  # the provider does not work: nor could any other
    REJECTED = "rejected"  # never try this one again
    GONE = "gone"  # nor this address


@dataclass(frozen=True, kw_only=True)
class SendResult:
    """How one try ended. `retry_after` is in seconds, as the provider asked for.

    What the provider said may be anything at all: here it becomes what the database can keep.
    """

    status: SendStatus
    provider_id: str = ""
    error: str = ""
    retry_after: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "provider_id", storable(self.provider_id)[:255])
        object.__setattr__(self, "error", storable(self.error)[:300])
        object.__setattr__(self, "retry_after", bounded(self.retry_after))


def storable(value: Any) -> str:
    """Text without what PostgreSQL refuses (NUL, lone surrogates); "" for what is no text."""
    if not isinstance(value, str):
        return ""
    return value.replace("\0", "").encode(errors="replace").decode()


def bounded(seconds: float | None) -> float | None:
    if seconds is None or not math.isfinite(seconds):
        return None
    return min(LONGEST_WAIT, max(0.0, seconds))


class Channel:
    """Sends messages over one provider.

    `repeatable`: a try whose answer was lost may be repeated, because the second copy replaces the
    first. `bypasses_quiet_hours`: it makes no device ring.
    """

    name: str
    repeatable: bool = True
    bypasses_quiet_hours: bool = False

    def is_configured(self) -> bool:
        raise NotImplementedError

    def host_of(self, address: str) -> str:
        """The host behind an address that the recipient chose; "" where the operator chose it."""
        return ""

    def send_many(
        self, messages: list[OutgoingMessage]
    ) -> Iterator[tuple[OutgoingMessage, SendResult]]:
        """Each message once, with its result, in the order in which they end. Never raises."""
        unsent = {outgoing.delivery_id: outgoing for outgoing in messages}
        error = "no result"
        try:
            for outgoing, send_result in self.try_many(messages):
                if unsent.pop(outgoing.delivery_id, None) is not None:
                    yield outgoing, send_result
        except Exception as problem:
            logger.exception("%s: a batch broke off", self.name)
            error = type(problem).__name__
        for outgoing in unsent.values():
            yield outgoing, self.odd(error)

    def try_many(
        self, messages: list[OutgoingMessage]
    ) -> Iterator[tuple[OutgoingMessage, SendResult]]:
        raise NotImplementedError

    def odd(self, error: str) -> SendResult:
        """An answer that cannot be understood: the message may have been taken, or not."""
        status = SendStatus.RETRY if self.repeatable else SendStatus.REJECTED
        return SendResult(status=status, error=f"{self.name}: {error}")


class HttpChannel(Channel):
    """One request per message, several at a time, over connections that are kept open.

    `lost`: what it means for the others when one request got no answer.
    """

    lost: SendStatus = SendStatus.DOWN

    def __init__(self, *, concurrency: int, origins: Callable[[], Iterable[str]]) -> None:
        self.concurrency = concurrency
        self.http = HttpClient(origins=origins, connections=concurrency)
        self._pool = ThreadPoolExecutor(concurrency, thread_name_prefix=self.name)

    def send(self, outgoing: OutgoingMessage) -> SendResult:
        raise NotImplementedError

    def prepare(self) -> SendResult | None:
        """Once before each batch; a result ends it for all (no access token, say)."""
        return None

    def try_many(
        self, messages: list[OutgoingMessage]
    ) -> Iterator[tuple[OutgoingMessage, SendResult]]:
        spoilt = self.prepare()
        if spoilt is not None:
            yield from ((outgoing, spoilt) for outgoing in messages)
            return
        running = {self._pool.submit(self._send, outgoing): outgoing for outgoing in messages}
        for done in as_completed(running):
            yield running[done], done.result()

    def _send(self, outgoing: OutgoingMessage) -> SendResult:
        try:
            return self.send(outgoing)
        except (NoAnswer, AddressRefused) as error:
            return SendResult(status=self.lost, error=f"{self.name}: {error}")
        except (ValueError, KeyError, TypeError) as error:  # before anything was sent
            return SendResult(status=SendStatus.REJECTED, error=f"{type(error).__name__}: {error}")
        except Exception as error:
            logger.exception("%s: one delivery failed", self.name)
            return self.odd(type(error).__name__)


def temporary(answer: HttpAnswer, error: str, *, down: SendStatus = SendStatus.DOWN) -> SendResult:
    """429 asks to slow down; 5xx says that the provider does not work."""
    status = down if answer.status >= 500 else SendStatus.RETRY
    return SendResult(
        status=status, error=error, retry_after=answer.retry_after(now=datetime.now(UTC))
    )
