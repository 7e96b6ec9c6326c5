"""Quiet hours on the campus's clock."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo


def quiet_until(
    *, hours: tuple[time, time] | None, zone: ZoneInfo, now: datetime
) -> datetime | None:
    """The end of the quiet hours that `now` lies in, in UTC; None outside of them.

    The hours may span midnight. On the days when clocks change, the wall clock decides.
    """
    if hours is None:
        return None
    begin, end = hours
    here = now.astimezone(zone)
    clock = here.time()
    spans_midnight = begin > end
    if not (clock >= begin or clock < end if spans_midnight else begin <= clock < end):
        return None
    tomorrow = spans_midnight and clock >= begin
    day = here.date() + timedelta(days=1 if tomorrow else 0)
    return datetime.combine(day, end, tzinfo=zone).astimezone(UTC)
