"""Days without classes, as other apps define them: this app knows no holidays."""

from collections.abc import Callable

from django.db.models import QuerySet

from apps.sessions.models import ClassSession

Calendar = Callable[[QuerySet[ClassSession]], QuerySet[ClassSession]]
"""Leaves out the sessions that fall on a day without classes; adds conditions only."""

_calendars: list[Calendar] = []


def add_calendar(calendar: Calendar) -> None:
    """Ask `calendar` from now on. Adding twice counts once."""
    if calendar not in _calendars:
        _calendars.append(calendar)


def on_class_days(rows: QuerySet[ClassSession]) -> QuerySet[ClassSession]:
    """These sessions without those of days on which no classes are held."""
    for calendar in _calendars:
        rows = calendar(rows)
    return rows
