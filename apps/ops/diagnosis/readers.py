"""Readers of cards that say nothing any more, or have the wrong time."""

from collections.abc import Iterator

from apps.ops.diagnosis import OK, WARN, Look
from apps.tenants.scope import campus_scope
from apps.tenants.selectors import every_campus
from apps.terminals.selectors import terminals_unwell


def look_at_terminals(look: Look) -> Iterator[tuple[str, str, str]]:
    """Of every campus; its own time corrects what a reader with a wrong clock reads."""
    is_well = True
    for campus in every_campus(reason="look at terminals"):
        with campus_scope(campus):
            unwell = terminals_unwell(now=look.now)
        for terminal, is_silent in unwell:
            is_well = False
            where = f"{campus.slug}: {terminal.name}"
            if is_silent:
                since = f"{terminal.heard_at:%Y-%m-%d %H:%M} UTC" if terminal.heard_at else "ever"
                advice = "Look whether it has power and network, or switch it off here."
                yield WARN, f"{where} has not been heard of since {since}.", advice
            else:
                text = f"{where}: its clock is off by {terminal.drift_seconds} s."
                yield WARN, text, "Correct its clock, best by NTP."
    if is_well:
        yield OK, "Every terminal has been heard of, at the right time.", ""
