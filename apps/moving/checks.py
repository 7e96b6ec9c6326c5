"""What `manage.py doctor` says about campuses that are to be removed."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from apps.ops.diagnosis import FAIL, OK, WARN, Look
from apps.tenants.models import CampusRemoval

# By then the daily task has had its turn, where its worker knows the owner's role.
GRACE: Final = timedelta(days=1)
ADVICE: Final = (
    "Run it as the owner's role: manage.py remove_campus --finish; with compose, docker compose "
    "run --rm migrate python manage.py remove_campus --finish (docs/guides/operators.md)."
)


def look_at_removals(look: Look) -> Iterator[tuple[str, str, str]]:
    """A line for each campus that waits: one that should be gone and is here is a failure."""
    waiting = CampusRemoval.objects.select_related("campus").order_by("due_at")
    for removal in waiting:
        yield _line(removal, look.now)
    if not waiting:
        yield OK, "No campus waits to be removed.", ""


def count_removals(look: Look) -> Iterator[tuple[str, str, str]]:
    """For the page of the health, which administrators of other campuses see: no names."""
    due = CampusRemoval.objects.filter(due_at__lt=look.now - GRACE).count()
    if due:
        yield FAIL, f"Campuses that should have been removed, and are here: {due}.", ADVICE
    else:
        yield OK, "No campus is overdue to be removed.", ""


def _line(removal: Any, now: datetime) -> tuple[str, str, str]:
    named = f"“{removal.campus.slug}”"
    day = f"{removal.due_at:%Y-%m-%d %H:%M} UTC"
    if now < removal.due_at:
        return OK, f"{named} is closed, and everything of it is deleted from {day} on.", ""
    if now < removal.due_at + GRACE:
        text = f"{named} is due to be removed since {day}: a worker that knows the owner's role"
        return WARN, f"{text} does it at 03:47 UTC, other workers cannot.", ADVICE
    text = f"{named} should have been removed at {day}, and is here: no worker may remove it."
    return FAIL, text, ADVICE
