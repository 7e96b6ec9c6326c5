"""What the pages of the office show. Lecturers see the part of it that their own courses bring."""

from typing import Any

from django.db.models import QuerySet

from apps.accounts.viewers import Viewer
from apps.leave.models import Appeal, LeaveRequest
from apps.leave.selectors import appeals_seen, leaves_seen


def leaves_to_decide(*, viewer: Viewer) -> QuerySet[LeaveRequest]:
    """Requests for leave, without those that the person made as a student."""
    return _of_others(leaves_seen(viewer=viewer), viewer)


def appeals_to_decide(*, viewer: Viewer) -> QuerySet[Appeal]:
    """Appeals, without those that the person made as a student."""
    return _of_others(appeals_seen(viewer=viewer), viewer)


def _of_others(rows: QuerySet[Any], viewer: Viewer) -> QuerySet[Any]:
    return rows if viewer.student is None else rows.exclude(student=viewer.student)
