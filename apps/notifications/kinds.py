"""The kinds of message that people can tell apart: usual channels, urgency, language.

A kind that is not in the table is sent like `OTHER`, so that an app can send before it is listed.
"""

from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from apps.notifications.models import Channel

DEVICES: Final = frozenset({Channel.PUSH, Channel.WEB_PUSH})
DEVICES_AND_EMAIL: Final = DEVICES | {Channel.EMAIL}


@dataclass(frozen=True, kw_only=True)
class Kind:
    """`usual`: channels beside the inbox where a person chose nothing.

    `urgent` kinds ignore quiet hours. `verbatim` ones were written by a person and are not looked
    up in the translations.
    """

    code: str
    label: Any
    usual: frozenset[Channel] = DEVICES
    urgent: bool = False
    verbatim: bool = False


OTHER: Final = Kind(code="other", label=_("Other messages"))

KINDS: Final[dict[str, Kind]] = {
    kind.code: kind
    for kind in (
        Kind(
            code="announcement",
            label=_("Announcements of class representatives"),
            verbatim=True,
        ),
        Kind(
            code="attendance_warning",
            label=_("Warnings about attendance"),
            usual=DEVICES_AND_EMAIL,
        ),
        Kind(code="absence", label=_("Absences noted")),
        Kind(
            code="session_cancelled",
            label=_("Cancelled sessions"),
            usual=DEVICES_AND_EMAIL,
            urgent=True,
        ),
        Kind(
            code="session_moved",
            label=_("Moved sessions"),
            usual=DEVICES_AND_EMAIL,
            urgent=True,
        ),
        Kind(
            code="device_reset",
            label=_("Changes of the bound device"),
            usual=DEVICES_AND_EMAIL,
            urgent=True,
        ),
        Kind(code="leave_decided", label=_("Decisions on leave"), usual=DEVICES_AND_EMAIL),
        Kind(code="correction_decided", label=_("Decisions on corrections")),
        Kind(code="test", label=_("Test messages"), usual=frozenset(Channel), urgent=True),
        OTHER,
    )
}


def kind_of(code: str) -> Kind:
    return KINDS.get(code, OTHER)
