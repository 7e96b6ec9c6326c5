"""Check-in attempts, challenges, and when accounts were heard of."""

from apps.checkin.models.attempt import CheckInAttempt, FaceState, Method, Outcome, Reason
from apps.checkin.models.challenge import CHALLENGE_CODES, RapidCodeChallenge
from apps.checkin.models.online import OnlineMinute

__all__ = [
    "CHALLENGE_CODES",
    "CheckInAttempt",
    "FaceState",
    "Method",
    "OnlineMinute",
    "Outcome",
    "RapidCodeChallenge",
    "Reason",
]
