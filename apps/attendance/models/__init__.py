"""Policies, attempts, records and summaries."""

from apps.checkin.models.attempt import CheckInAttempt, FaceState, Method, Outcome, Reason
from apps.leave.models import WANTED, Appeal, Attachment, LeaveRequest
from apps.checkin.models.online import OnlineMinute
from apps.attendance.models.policy import ASKING, FaceUse, Policy
from apps.attendance.models.record import (
    AttendanceRecord,
    AttendanceSummary,
    BulkChange,
    RecordChange,
    Source,
)
from apps.checkin.models import BURST_CODES, BurstChallenge
from apps.integrity.models import Sign, SignKind
from apps.attendance.models.status import CountsAs, CustomStatus, Status

__all__ = [
    "ASKING",
    "BURST_CODES",
    "WANTED",
    "Appeal",
    "Attachment",
    "AttendanceRecord",
    "AttendanceSummary",
    "BulkChange",
    "BurstChallenge",
    "CheckInAttempt",
    "CountsAs",
    "CustomStatus",
    "FaceState",
    "FaceUse",
    "LeaveRequest",
    "Method",
    "OnlineMinute",
    "Outcome",
    "Policy",
    "Reason",
    "RecordChange",
    "Sign",
    "SignKind",
    "Source",
    "Status",
]
