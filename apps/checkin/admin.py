"""Check-ins in the administration: looked at, never edited."""

from django.contrib import admin
from django.template.loader import render_to_string
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import display

from apps.audit.admin_base import HistoryAdmin
from apps.checkin.explanation import explain
from apps.checkin.models import CheckInAttempt, OnlineMinute, RapidCodeChallenge


@admin.register(CheckInAttempt)
class CheckInAttemptAdmin(HistoryAdmin):
    """Raw coordinates are not shown: the factors tell the distance band."""

    list_display = ["received_at", "student", "session", "result", "reason", "score", "method"]
    list_filter = [
        "outcome",
        "reason",
        "method",
        "face_state",
        "offline",
        "received_at",
        ("student", AutocompleteSelectFilter),
    ]
    list_select_related = ["student", "session__course__subject"]
    search_fields = ["student__code", "student__full_name", "session__course__code"]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    ("student", "session"),
                    ("received_at", "seen_at", "redeemed_at", "settled_at"),
                ]
            },
        ),
        (
            _("How it was judged"),
            {
                "fields": [
                    ("outcome", "reason", "score"),
                    ("waits_until", "decided_by"),
                    ("method", "face_state"),
                    "explained",
                    "proofs",
                ]
            },
        ),
        (
            _("What the phone said"),
            {
                "fields": [
                    ("device", "address"),
                    ("bluetooth_rssi", "accuracy_m", "redeem_delay_ms"),
                    ("device_info", "nonce"),
                    ("offline", "device_counter", "claimed_at"),
                    "signed_by",
                ]
            },
        ),
    ]
    readonly_fields = ["explained", "proofs"]

    @display(
        description=_("outcome"),
        ordering="outcome",
        label={
            "pending": "info",
            "waiting": "warning",
            "accepted": "success",
            "refused": "danger",
        },
    )
    def result(self, attempt: CheckInAttempt) -> tuple[str, str]:
        return attempt.outcome, attempt.get_outcome_display()

    @admin.display(description=_("explanation"))
    def explained(self, attempt: CheckInAttempt) -> str:
        """The line that the student reads."""
        return explain(attempt)

    @admin.display(description=_("factors"))
    def proofs(self, attempt: CheckInAttempt) -> str:
        """Each factor with what it found, as a table."""
        return render_to_string("admin/checkin/_factors.html", {"factors": attempt.factors})


@admin.register(RapidCodeChallenge)
class RapidCodeChallengeAdmin(HistoryAdmin):
    list_display = ["started_at", "session", "started_by", "settled_at", "is_void"]
    list_filter = ["started_at", "is_void"]
    list_select_related = ["session__course__subject"]
    search_fields = ["session__course__code", "started_by"]


@admin.register(OnlineMinute)
class OnlineMinuteAdmin(HistoryAdmin):
    """What an offline check-in was held against: when accounts were heard of, for a day."""

    list_display = ["heard_at", "user_id", "opening"]
    list_filter = ["opening", "heard_at"]
    search_fields = ["=user_id"]
