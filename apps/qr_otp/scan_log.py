"""What became of each window of a rotating code. Showing a code writes nothing: windows that nobody
scanned are counted from the clock."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import Count, Q

from apps.qr_otp import tokens
from apps.qr_otp.models import Scan


@dataclass(frozen=True, kw_only=True)
class WindowCount:
    """One five-second window: when it stood, and how often it was scanned with which outcome."""

    window: int
    generated_at: datetime
    expires_at: datetime
    accepted: int
    refused: int

    @property
    def scan_count(self) -> int:
        return self.accepted + self.refused


def window_counts(
    *, purpose: str, subject: str, started_at: datetime, ended_at: datetime
) -> list[WindowCount]:
    """Every window of the QR code from `started_at` until before `ended_at`, scanned or not."""
    scanned = {
        row["window"]: row
        for row in Scan.objects.filter(purpose=purpose, subject=subject, method="qr")
        .exclude(window=None)
        .order_by("window")
        .values("window")
        .annotate(
            taken=Count("pk", filter=Q(accepted=True)),
            refused=Count("pk", filter=Q(accepted=False)),
        )
    }
    nobody: Mapping[str, Any] = {"taken": 0, "refused": 0}
    first = tokens.window_at(started_at)
    last = tokens.window_at(ended_at)
    beyond = 0 if last * tokens.QR_PERIOD == ended_at.timestamp() else 1
    return [_count(window, scanned.get(window, nobody)) for window in range(first, last + beyond)]


def _count(window: int, row: Mapping[str, Any]) -> WindowCount:
    return WindowCount(
        window=window,
        generated_at=_start(window),
        expires_at=_start(window + tokens.QR_GRACE + 1),
        accepted=row["taken"],
        refused=row["refused"],
    )


def _start(window: int) -> datetime:
    return datetime.fromtimestamp(window * tokens.QR_PERIOD, tz=UTC)
