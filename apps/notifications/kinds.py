"""The kinds of message that people can tell apart: usual channels, urgency, who else hears them.

A kind that is not in the table is sent like `OTHER`, so that an app can send before it is listed.
What the messages say stands in `texts.py`.
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

    `urgent` kinds ignore quiet hours. `forced` ones ignore them too, and nobody can switch their
    usual channels off: whoever took over an account must not be able to silence the warning.
    `verbatim` ones were written by a person and are not looked up in the translations.
    `for_contacts`: guardians and advisers hear it as well, where the campus wants that.
    """

    code: str
    label: Any
    usual: frozenset[Channel] = DEVICES
    urgent: bool = False
    forced: bool = False
    verbatim: bool = False
    for_contacts: bool = False

    @property
    def may_wake(self) -> bool:
        """Whether it is heard in quiet hours."""
        return self.urgent or self.forced


OTHER: Final = Kind(code="other", label=_("Other messages"))
_LISTED: Final = (
    Kind(code="announcement", label=_("Announcements of class representatives"), verbatim=True),
    Kind(
        code="attendance_near",
        label=_("Attendance close to the limit"),
        usual=DEVICES_AND_EMAIL,
        for_contacts=True,
    ),
    Kind(
        code="attendance_warning",
        label=_("Attendance below the limit"),
        usual=DEVICES_AND_EMAIL,
        for_contacts=True,
    ),
    Kind(code="absence", label=_("Absences noted")),
    Kind(
        code="consecutive_absences",
        label=_("Several absences in a row"),
        usual=DEVICES_AND_EMAIL,
        for_contacts=True,
    ),
    Kind(
        code="session_cancelled",
        label=_("Cancelled sessions"),
        usual=DEVICES_AND_EMAIL,
        urgent=True,
    ),
    Kind(code="session_moved", label=_("Moved sessions"), usual=DEVICES_AND_EMAIL, urgent=True),
    Kind(
        code="device_reset",
        label=_("Changes of the bound device"),
        usual=DEVICES_AND_EMAIL,
        forced=True,
    ),
    Kind(
        code="account_security",
        label=_("Changes of the password"),
        usual=DEVICES_AND_EMAIL,
        forced=True,
    ),
    Kind(
        code="invitation",
        label=_("Invitations to a campus"),
        usual=frozenset({Channel.EMAIL}),
        forced=True,
    ),
    Kind(code="leave_requested", label=_("Requests for leave")),
    Kind(code="leave_decided", label=_("Decisions on leave"), usual=DEVICES_AND_EMAIL),
    Kind(code="appeal_requested", label=_("Appeals against a mark in the register")),
    Kind(code="appeal_decided", label=_("Decisions on appeals"), usual=DEVICES_AND_EMAIL),
    Kind(code="register_not_taken", label=_("Registers not taken"), usual=DEVICES_AND_EMAIL),
    Kind(code="import_finished", label=_("Finished imports"), usual=DEVICES_AND_EMAIL),
    Kind(code="test", label=_("Test messages"), usual=frozenset(Channel), urgent=True),
    OTHER,
)
KINDS: Final[dict[str, Kind]] = {kind.code: kind for kind in _LISTED}


def kind_of(code: str) -> Kind:
    return KINDS.get(code, OTHER)
