"""Which sessions belong to a day of the campus's calendar."""

from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone


def day_bounds(now: datetime) -> tuple[datetime, datetime]:
    """Midnight to midnight around `now`, on the active time zone's calendar (DST-safe)."""
    today = timezone.localdate(now)
    zone = timezone.get_current_timezone()
    start = datetime.combine(today, datetime.min.time(), tzinfo=zone)
    return start, datetime.combine(today + timedelta(days=1), datetime.min.time(), tzinfo=zone)


def begins_or_runs(start: datetime, end: datetime) -> Q:
    """Sessions that begin on the day, and those of the day before that run into it."""
    return Q(starts_at__gte=start, starts_at__lt=end) | Q(
        starts_at__gte=start - timedelta(days=1), starts_at__lt=start, ends_at__gt=start
    )
