"""What the parts of INT share: ids of the old tables and what they became."""

from dataclasses import dataclass, field
from typing import Any

from apps.enrollments.models import Course, Term
from apps.legacy.values import flag
from apps.legacy.writing.history import History
from apps.legacy.writing.people import Logins
from apps.legacy.writing.run import Run
from apps.old_databases import OldRow


@dataclass
class IntSchool:
    """Old id (as text) → what is here now."""

    run: Run
    logins: Logins = field(default_factory=Logins)
    rooms: dict[str, int] = field(default_factory=dict)
    faculty: dict[str, Any] = field(default_factory=dict)
    students: dict[str, Any] = field(default_factory=dict)
    courses: dict[str, Course] = field(default_factory=dict)
    terms: dict[str, Term] = field(default_factory=dict)  # of the classes
    to_close: list[Any] = field(default_factory=list)
    history: History = field(init=False)

    def __post_init__(self) -> None:
        self.history = History(self.run)


def is_closed(row: OldRow) -> bool:
    """Deactivated; a row without the column is active."""
    value = row.get("is_active")
    return value is not None and not flag(value)
