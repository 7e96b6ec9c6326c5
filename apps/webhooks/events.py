"""What other systems can be told, by the actions of the audit log that it comes from."""

from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, kw_only=True)
class EventType:
    name: str
    label: Any
    actions: tuple[str, ...] = ()


TEST: Final = "webhook.test"
_TYPES: Final = (
    EventType(
        name="session.opened", label=_("A session was opened"), actions=("sessions.session.opened",)
    ),
    EventType(
        name="session.completed",
        label=_("A session was completed"),
        actions=("sessions.session.completed", "sessions.session.held_afterwards"),
    ),
    EventType(
        name="session.changed",
        label=_("A session was moved or changed"),
        actions=(
            "sessions.session.changed",
            "sessions.session.swapped",
            "sessions.session.courses_changed",
        ),
    ),
    EventType(
        name="session.cancelled",
        label=_("A session was cancelled"),
        actions=("sessions.session.cancelled",),
    ),
    EventType(
        name="check_in.accepted",
        label=_("A student checked in"),
        actions=("checkin.attempt.accepted", "checkin.waiting.accepted"),
    ),
    EventType(
        name="record.changed",
        label=_("A mark was made or corrected by hand"),
        actions=("attendance.record.marked",),
    ),
    EventType(
        name="records.changed",
        label=_("Many marks were changed at once"),
        actions=("attendance.records.marked", "attendance.records.undone"),
    ),
    EventType(
        name="student.warned",
        label=_("A student was warned because of absences"),
        actions=("attendance.student.warned",),
    ),
    EventType(
        name="leave.decided",
        label=_("A leave was approved or rejected"),
        actions=("leave.request.approved", "leave.request.rejected"),
    ),
    EventType(
        name="import.finished",
        label=_("An import was saved, or failed"),
        actions=("imports.saved", "imports.failed"),
    ),
    EventType(
        name="term.archived",
        label=_("A term was archived"),
        actions=("enrollments.term.archived",),
    ),
    EventType(name=TEST, label=_("A test")),
)
EVENTS: Final = {found.name: found for found in _TYPES}
EVENT_CHOICES: Final = [(found.name, found.label) for found in _TYPES]
CHOSEN: Final = [(name, label) for name, label in EVENT_CHOICES if name != TEST]
EVENT_OF_ACTION: Final = {action: kind.name for kind in _TYPES for action in kind.actions}
