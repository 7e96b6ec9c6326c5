"""The types of message that people can tell apart: default channels, urgency, who else gets them.

A type that is not in the table is sent like `OTHER`, so that an app can send before it is listed.
What the messages say stands in `texts.py`.
"""

from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from apps.notifications.models import Channel

DEVICES: Final = frozenset({Channel.PUSH, Channel.WEB_PUSH})
DEVICES_AND_EMAIL: Final = DEVICES | {Channel.EMAIL}


@dataclass(frozen=True, kw_only=True)
class MessageType:
    """`default_channels`: channels beside the inbox where a person chose nothing.

    `urgent` types ignore quiet hours. `forced` ones ignore them too, and nobody can switch their
    default channels off: anyone who took over an account must not be able to silence the warning.
    `verbatim` ones were written by a person and are not looked up in the translations.
    `for_contacts`: guardians and advisers hear it as well, where the campus wants that.
    """

    code: str
    label: Any
    default_channels: frozenset[Channel] = DEVICES
    urgent: bool = False
    forced: bool = False
    verbatim: bool = False
    for_contacts: bool = False

    @property
    def bypasses_quiet_hours(self) -> bool:
        """Whether it is sent in quiet hours."""
        return self.urgent or self.forced


OTHER: Final = MessageType(code="other", label=_("Other messages"))
_LISTED: Final = (
    MessageType(
        code="announcement", label=_("Announcements of class representatives"), verbatim=True
    ),
    MessageType(
        code="attendance_near",
        label=_("Attendance close to the limit"),
        default_channels=DEVICES_AND_EMAIL,
        for_contacts=True,
    ),
    MessageType(
        code="attendance_warning",
        label=_("Attendance below the limit"),
        default_channels=DEVICES_AND_EMAIL,
        for_contacts=True,
    ),
    MessageType(code="absence", label=_("Absences noted")),
    MessageType(
        code="consecutive_absences",
        label=_("Several absences in a row"),
        default_channels=DEVICES_AND_EMAIL,
        for_contacts=True,
    ),
    MessageType(
        code="session_cancelled",
        label=_("Cancelled sessions"),
        default_channels=DEVICES_AND_EMAIL,
        urgent=True,
    ),
    MessageType(
        code="session_moved",
        label=_("Moved sessions"),
        default_channels=DEVICES_AND_EMAIL,
        urgent=True,
    ),
    MessageType(
        code="device_reset",
        label=_("Changes of the bound device"),
        default_channels=DEVICES_AND_EMAIL,
        forced=True,
    ),
    MessageType(
        code="password_link",
        label=_("Links to choose a password"),
        default_channels=frozenset({Channel.EMAIL}),
        forced=True,
    ),
    MessageType(
        code="account_security",
        label=_("Changes of the password and the second factor"),
        default_channels=DEVICES_AND_EMAIL,
        forced=True,
    ),
    MessageType(
        code="invitation",
        label=_("Invitations to a campus"),
        default_channels=frozenset({Channel.EMAIL}),
        forced=True,
    ),
    MessageType(code="leave_requested", label=_("Requests for leave")),
    MessageType(
        code="leave_decided", label=_("Decisions on leave"), default_channels=DEVICES_AND_EMAIL
    ),
    MessageType(code="appeal_requested", label=_("Appeals against a mark in the register")),
    MessageType(
        code="check_in_decided",
        label=_("Decisions on check-ins that waited"),
        default_channels=DEVICES_AND_EMAIL,
    ),
    MessageType(
        code="appeal_decided", label=_("Decisions on appeals"), default_channels=DEVICES_AND_EMAIL
    ),
    MessageType(
        code="register_not_taken",
        label=_("Registers not taken"),
        default_channels=DEVICES_AND_EMAIL,
    ),
    MessageType(
        code="session_closed_itself",
        label=_("Sessions that closed by themselves"),
        default_channels=DEVICES_AND_EMAIL,
    ),
    MessageType(
        code="import_finished", label=_("Finished imports"), default_channels=DEVICES_AND_EMAIL
    ),
    MessageType(
        code="reading_waits",
        label=_("Readings of other systems that wait"),
        default_channels=DEVICES_AND_EMAIL,
    ),
    MessageType(
        code="test", label=_("Test messages"), default_channels=frozenset(Channel), urgent=True
    ),
    OTHER,
)
MESSAGE_TYPES: Final[dict[str, MessageType]] = {found.code: found for found in _LISTED}


def message_type_of(code: str) -> MessageType:
    return MESSAGE_TYPES.get(code, OTHER)
