"""Policies, records, statuses and summaries."""

from apps.attendance.models.policy import (
    ASKING,
    Arrivals,
    FaceUse,
    PasskeyUse,
    PersonUse,
    Policy,
)
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
    "Arrivals",
    "AttendanceRecord",
    "AttendanceSummary",
    "BulkChange",
    "CountsAs",
    "CustomStatus",
    "FaceUse",
    "PasskeyUse",
    "PersonUse",
    "Policy",
    "RecordChange",
    "RecordSource",
    "Status",
]
