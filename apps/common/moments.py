"""Which days and moments there are for Campus, and their place on a campus's clock."""

from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final

# Nothing that a register names lies outside; inside, every time zone can be reckoned with.
FIRST_DAY: Final = date(1900, 1, 1)
LAST_DAY: Final = date(2200, 12, 31)
FIRST_MOMENT: Final = datetime(1900, 1, 1, tzinfo=UTC)
LAST_MOMENT: Final = datetime(2200, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)

# One day inside what Python can say: no zone is farther than that from UTC.
_EARLIEST: Final = datetime.min.replace(tzinfo=UTC) + timedelta(days=1)
_LATEST: Final = datetime.max.replace(tzinfo=UTC) - timedelta(days=1)


def is_day(value: date) -> bool:
    return FIRST_DAY <= value <= LAST_DAY


def is_moment(value: datetime) -> bool:
    return FIRST_MOMENT <= value <= LAST_MOMENT


def local(moment: datetime, zone: tzinfo) -> datetime:
    """That moment on the zone's clock; the nearest that the calendar has where it has none.

    For moments that were stored: at the ends of the calendar `astimezone` raises OverflowError.
    """
    return min(max(moment, _EARLIEST), _LATEST).astimezone(zone)


def moment_text(moment: datetime, zone: tzinfo) -> str:
    """ "2026-09-14 08:00" on the zone's clock: short enough for a column of a table."""
    return f"{local(moment, zone):%Y-%m-%d %H:%M}"
