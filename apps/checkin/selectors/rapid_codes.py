"""The challenges of a session, and where the latest is announced."""

from django.db.models import QuerySet

from apps.checkin.models import RapidCodeChallenge
from apps.tenants.scope import current_campus_id


def challenge_cache_key(session_id: int) -> str:
    """Where the latest challenge's first window is announced to the projectors."""
    return f"rapid-codes:{current_campus_id()}:{session_id}"


def challenges_of(*, session_id: int) -> QuerySet[RapidCodeChallenge]:
    return RapidCodeChallenge.objects.filter(session_id=session_id).order_by("-first_window")
