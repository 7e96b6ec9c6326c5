"""What a report is asked for: whose eyes, which courses, which days."""

from dataclasses import asdict, dataclass, fields
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db.models import Q

from apps.accounts.viewers import Viewer

# From a course to what it is filtered by.
COURSE_FILTERS: Final = {
    "course": "id",
    "section": "section",
    "department": "section__department",
    "lecturer": "faculty",
    "term": "term",
}


@dataclass(frozen=True, kw_only=True)
class Filters:
    """What the reader chose; everything may be left out.

    `first` and `last` are days on the campus's calendar, both included. `threshold` in percent.
    """

    course: int | None = None
    section: int | None = None
    department: int | None = None
    lecturer: int | None = None
    term: int | None = None
    session: int | None = None
    first: date | None = None
    last: date | None = None
    group_by: str = ""
    threshold: Decimal | None = None
    absences: int | None = None
    trend: bool = False

    def as_json(self) -> dict[str, Any]:
        """For a job's parameters: only what was chosen, as JSON values."""
        return {
            name: value if isinstance(value, int) else str(value)
            for name, value in asdict(self).items()
            if value not in (None, "", False)
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Filters":
        """The reverse of `as_json`; unknown names are an error."""
        readers: dict[str, Any] = {
            "first": date.fromisoformat,
            "last": date.fromisoformat,
            "threshold": Decimal,
        }
        known = {field.name for field in fields(cls)}
        if not set(data) <= known:
            raise ValueError(f"Unknown filters: {sorted(set(data) - known)}")
        return cls(**{name: readers.get(name, _same)(value) for name, value in data.items()})


def _same(value: Any) -> Any:
    return value


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Filters, seen by somebody at some time. The viewer is a lecturer or of the office."""

    viewer: Viewer
    now: datetime
    zone: ZoneInfo
    filters: Filters

    @property
    def today(self) -> date:
        return self.now.astimezone(self.zone).date()

    @property
    def has_days(self) -> bool:
        return self.filters.first is not None or self.filters.last is not None

    def courses(self, prefix: str = "") -> Q:
        """The courses that were asked for and may be seen; `prefix` leads to one: "course__"."""
        found = Q()
        for name, path in COURSE_FILTERS.items():
            value = getattr(self.filters, name)
            if value is not None:
                found &= Q(**{f"{prefix}{path}": value})
        if not self.viewer.office:
            found &= Q(**{f"{prefix}faculty": self.viewer.faculty})
        return found

    def days(self, path: str = "starts_at") -> Q:
        """Moments between the days that were asked for; `path` leads to the moment."""
        found = Q()
        if self.filters.first is not None:
            found &= Q(**{f"{path}__gte": self._midnight(self.filters.first)})
        if self.filters.last is not None:
            found &= Q(**{f"{path}__lt": self._midnight(self.filters.last + timedelta(days=1))})
        return found

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, datetime.min.time(), tzinfo=self.zone)
