"""Totals of marks, computed from the marks themselves."""

from django.db.models import Count

from apps.attendance.models import AttendanceRecord, CountsAs
from apps.attendance.models.status import counts_as


def attended_counts(*, session_id: int) -> dict[int, int]:
    """How many of a session's marks count as attended, by label or meaning, for each course."""
    marks = AttendanceRecord.objects.filter(session_id=session_id).annotate(counted=counts_as())
    attended = marks.filter(counted=CountsAs.ATTENDED).order_by()
    return dict(attended.values_list("course_id").annotate(number=Count("pk")))
