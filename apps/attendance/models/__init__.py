"""Policies, records, statuses and summaries."""

from apps.attendance.models.policy import ASKING, FaceUse, Policy
from apps.attendance.models.record import (
    AttendanceRecord,
    AttendanceSummary,
    BulkChange,
    RecordChange,
    RecordSource,
)
from apps.attendance.models.status import CountsAs, CustomStatus, Status

__all__ = [
    "ASKING",
    "AttendanceRecord",
    "AttendanceSummary",
    "BulkChange",
    "CountsAs",
    "CustomStatus",
    "FaceUse",
    "Policy",
    "RecordChange",
    "RecordSource",
    "Status",
]
