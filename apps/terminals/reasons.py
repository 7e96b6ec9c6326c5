"""Why a punch was not counted by itself, and a code not at a kiosk."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class PunchReason(models.TextChoices):
    UNKNOWN_CARD = "unknown_card", _("card not known on this campus")
    REVOKED_CARD = "revoked_card", _("card was revoked before")
    NO_SESSION = "no_session", _("no session in this room at this time")
    NOT_ENROLLED = "not_enrolled", _("not enrolled in the session in this room")
    TOO_EARLY = "too_early", _("too early for the session")
    TOO_LATE = "too_late", _("too late for the session")
    TWO_SESSIONS = "two_sessions", _("fits two sessions at once")
    CARDS_OFF = "cards_off", _("the policy allows no cards")
    NOT_HELD = "not_held", _("the session was not held")
    TOO_OLD = "too_old", _("arrived more than 24 hours later")
    FROZEN = "frozen", _("the registers of this day are locked")
    CLOCK_OFF = "clock_off", _("the terminal's clock is off")
    BEFORE = "before", _("from before the terminal was set up here")
    DUPLICATE = "duplicate", _("punched before")
    BLANK = "blank", _("no card number in it")


class KioskReason(models.TextChoices):
    """Beside those of every check-in."""

    TWO_SESSIONS = (
        "two_sessions",
        _("You are enrolled in both classes that are open here. Tell the lecturer."),
    )
