"""What a report says of a meeting, and why one stays as it is."""

from typing import Final

from django.utils.translation import gettext_lazy as _

WHAT: Final = {
    "new": _("new"),
    "moved": _("moved to another day"),
    "time": _("other time"),
    "room": _("other room"),
    "lecturer": _("other lecturer"),
    "back": _("takes place again"),
    "cancelled": _("cancelled"),
    "kept": _("kept as it is here"),
    "stake": _("marks at stake: kept"),
    "clash": _("not possible"),
}
WHY: Final = {
    "marks": _("it has marks, or was opened"),
    "deleted": _("it was deleted here"),
    "cancelled": _("it was cancelled here"),
    "moved": _("it was moved here"),
    "room": _("its room was changed here"),
    "substitute": _("its lecturer was changed here"),
    "hand": _("it was changed here"),
    "planned": _("it was planned here"),
    "weekly": _("it came from a weekly slot"),
}
