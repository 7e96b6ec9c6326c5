"""What a request of ours may cost, and how it may end (`apps.common.http.HttpClient`)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Seconds for name, connection and TLS; seconds for everything; bytes of an answer's body.

    `silence`: seconds in which nothing comes, where `whole` leaves more.
    """

    connect: float = 3.0
    whole: float = 10.0
    body: int = 1 << 20
    silence: float = 60.0


class AddressRefused(ValueError):
    """We do not send requests to this address."""


class NoAnswer(OSError):
    """No whole answer came: name unknown, connection refused or lost, too slow, or too large."""


@dataclass(frozen=True, kw_only=True)
class HttpAnswer:
    """One answer, read whole. What it says is the other side's word: it may be anything."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Raises ValueError for whatever is no JSON."""
        try:
            return json.loads(self.body)
        except RecursionError as error:
            raise ValueError("nested too deeply") from error

    def object(self) -> dict[str, Any]:
        """The body as a JSON object; empty where it is anything else."""
        try:
            found = self.json()
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def retry_after(self, *, now: datetime) -> float | None:
        """Seconds that Retry-After asks for, as a number or a date (RFC 9110 §10.2.3)."""
        said = str(self.headers.get("Retry-After", "")).strip()
        if said.isascii() and said.isdecimal():
            return float(said[:12])
        try:
            return (parsedate_to_datetime(said) - now).total_seconds()
        except (ValueError, TypeError, OverflowError, IndexError):
            return None

    def text(self, longest: int = 200) -> str:
        return self.body[:longest].decode(errors="replace")
