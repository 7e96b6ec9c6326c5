"""Policies, attempts, records and summaries."""

from apps.attendance.models.attempt import CheckInAttempt, FaceState, Method, Outcome, Reason
from apps.attendance.models.policy import Policy
from apps.attendance.models.record import (
    AttendanceRecord,
    AttendanceSummary,
    RecordChange,
    Source,
    Status,
)

__all__ = [
    "AttendanceRecord",
    "AttendanceSummary",
    "CheckInAttempt",
    "FaceState",
    "Method",
    "Outcome",
    "Policy",
    "Reason",
    "RecordChange",
    "Source",
    "Status",
]
