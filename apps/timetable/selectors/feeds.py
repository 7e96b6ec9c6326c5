"""Whose calendar a token opens."""

from typing import Any

from apps.accounts.permissions import may_enter
from apps.common.errors import NotFound
from apps.timetable.models import CalendarLink
from apps.timetable.tokens import token_hashes


def feed_owner(*, token: str) -> Any:
    """The account behind this token; `NotFound` for unknown, revoked and deactivated ones alike."""
    links = CalendarLink.objects.select_related("user")
    found = (links.filter(token_hash=hashed).first() for hashed in token_hashes(token))
    link = next(filter(None, found), None)
    if link is None or not may_enter(link.user):
        raise NotFound("no_such_calendar", "No such calendar.")
    return link.user
