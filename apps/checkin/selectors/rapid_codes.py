"""The challenges of a session, and where the latest is announced."""

from django.db.models import QuerySet

from apps.checkin.models import BurstChallenge
from apps.tenants.scope import current_campus_id


def burst_cache_key(session_id: int) -> str:
    """Where the latest burst's first window is announced to the projectors."""
    return f"burst:{current_campus_id()}:{session_id}"


def bursts_of(*, session_id: int) -> QuerySet[BurstChallenge]:
    return BurstChallenge.objects.filter(session_id=session_id).order_by("-first_window")
