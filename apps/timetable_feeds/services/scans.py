"""Punches of cards in rooms to which sessions were moved: matched after the feed has arrived."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from typing import Final

from apps.terminals.models import CardTerminal, Punch
from apps.terminals.reasons import PunchReason
from apps.terminals.selectors import MENDED, MOST_AT_ONCE, RETRIED_FOR
from apps.terminals.services.punches import punches_retry

# What another time or room of a session may mend.
REASONS: Final = (*MENDED, PunchReason.TOO_EARLY, PunchReason.TOO_LATE)


def scans_match(*, rooms: Collection[int], now: datetime) -> int:
    """Decide anew on what the readers in these rooms read within the last day; returns how many
    punches changed."""
    waiting = Punch.objects.filter(
        status=Punch.Status.QUEUED,
        reason__in=REASONS,
        terminal__classroom__in=rooms,
        at__gte=now - RETRIED_FOR,
    )
    found: dict[CardTerminal, list[Punch]] = defaultdict(list)
    for punch in waiting.select_related("terminal").order_by("at", "pk")[:MOST_AT_ONCE]:
        found[punch.terminal].append(punch)
    return sum(
        punches_retry(terminal=terminal, punches=punches, now=now)
        for terminal, punches in found.items()
    )
