"""The history of a session's marks, and the statuses that a mark can have."""

from typing import Any

from django.db.models import QuerySet

from apps.attendance.models import CustomStatus, RecordChange, Status
from apps.attendance.models.status import MEANING_COUNTS_AS, points_of_meaning


def changes_of_session(*, session_id: int) -> QuerySet[RecordChange]:
    """Every change by hand in a session's register, newest first, with its student."""
    return (
        RecordChange.objects.filter(session_id=session_id)
        .select_related("student")
        .order_by("-at", "-pk")
    )


def every_status() -> list[dict[str, Any]]:
    """The fixed meanings, then the campus's own statuses, as `StatusOutput` shows them."""
    fixed = [
        {
            "id": None,
            "code": meaning.value,
            "name": str(meaning.label),
            "meaning": meaning.value,
            "points": points_of_meaning(meaning),
            "counts_as": MEANING_COUNTS_AS[meaning],
            "colour": "",
            "position": 0,
            "is_active": True,
        }
        for meaning in Status
    ]
    return [*fixed, *CustomStatus.objects.values(*fixed[0])]
