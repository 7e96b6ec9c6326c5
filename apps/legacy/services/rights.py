"""Who may move an older system in from the administration."""

from typing import Any

from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.accounts.writes import Writer
from apps.common.errors import Forbidden


def may_move(user: Any) -> bool:
    """Administrators of the platform alone, as the command is for who has the server.

    A move brings accounts with passwords, roles up to administrator, and registers of years in
    which nobody here took part: whoever makes the file up decides all of it. No role of a campus
    may do that by hand.
    """
    return Writer(user).is_platform_administrator


def refuse_others(user_id: int | None) -> None:
    """Raises `Forbidden` (super_admins_only)."""
    user = User.objects.filter(pk=user_id).first() if user_id else None
    if not may_move(user):
        message = _("Only administrators of the platform may move an older system in.")
        raise Forbidden("super_admins_only", message)
