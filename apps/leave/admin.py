"""Leave requests, appeals and their attachments in the administration."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import display

from apps.attendance.selectors.policies import Editor
from apps.audit.actors import request_actor
from apps.audit.admin_base import HistoryAdmin
from apps.common.errors import Refused
from apps.leave.models import Appeal, Attachment, LeaveRequest
from apps.leave.services.appeals import appeal_decide
from apps.leave.services.leave import leave_decide

STATES = {
    "pending": "warning",
    "open": "warning",
    "approved": "success",
    "accepted": "success",
    "rejected": "danger",
}
DECLINED = _("Declined in the administration; ask the office for the reason.")


class DecidedAdmin(HistoryAdmin):
    """Requests are not edited: an action decides them, for people who may change them."""

    def has_decide_permission(self, request: HttpRequest) -> bool:
        """Named by the actions. The page itself stays read-only."""
        return super(HistoryAdmin, self).has_change_permission(request)

    @display(description=_("status"), ordering="status", label=STATES)
    def state(self, row: Any) -> tuple[str, str]:
        return row.status, row.get_status_display()

    def decide_all(
        self,
        request: HttpRequest,
        rows: QuerySet[Any],
        decide: Callable[..., Any],
        done: str,
    ) -> None:
        """Run `decide(row, now=…, actor=…)` for each row, and say what was refused."""
        count = 0
        for row in rows:
            try:
                decide(row, now=timezone.now(), actor=request_actor(request))
            except Refused as refusal:
                messages.warning(request, f"{row}: {refusal.message}")
            else:
                count += 1
        if count:
            messages.success(request, done % {"count": count})


@admin.register(LeaveRequest)
class LeaveRequestAdmin(DecidedAdmin):
    list_display = ["student", "starts_at", "ends_at", "course", "category", "state"]
    list_filter = ["status", "category", "starts_at", ("student", AutocompleteSelectFilter)]
    list_select_related = ["student", "course__subject"]
    search_fields = ["student__code", "student__full_name", "course__code"]
    actions = ["approve", "decline"]
    readonly_fields = ["document"]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    ("student", "course"),
                    ("starts_at", "ends_at"),
                    ("category", "requested_at"),
                    "reason",
                    "document",
                ]
            },
        ),
        (
            _("Decision"),
            {"fields": [("status", "decided_at", "decided_by"), "decision_note"]},
        ),
    ]

    @admin.display(description=_("attachment"))
    def document(self, leave: LeaveRequest) -> str:
        return attachment_link(leave.attachment, "api-leave-attachment", leave_id=leave.pk)

    @admin.action(description=_("Approve"), permissions=["decide"])
    def approve(self, request: HttpRequest, queryset: QuerySet[LeaveRequest]) -> None:
        self._decide(request, queryset, approve=True, note="")

    @admin.action(description=_("Decline"), permissions=["decide"])
    def decline(self, request: HttpRequest, queryset: QuerySet[LeaveRequest]) -> None:
        self._decide(request, queryset, approve=False, note=str(DECLINED))

    def _decide(
        self, request: HttpRequest, rows: QuerySet[LeaveRequest], *, approve: bool, note: str
    ) -> None:
        def decide(leave: LeaveRequest, **facts: Any) -> None:
            leave_decide(
                leave=leave,
                approve=approve,
                note=note,
                was=leave.status,
                role=Editor.OFFICE,
                **facts,
            )

        done = gettext("Approved: %(count)d.") if approve else gettext("Declined: %(count)d.")
        self.decide_all(request, rows.select_related("student"), decide, done)


@admin.register(Appeal)
class AppealAdmin(DecidedAdmin):
    list_display = ["student", "session", "against", "wanted", "state", "requested_at"]
    list_filter = ["status", "requested_at", ("student", AutocompleteSelectFilter)]
    list_select_related = ["student", "session__course__subject"]
    search_fields = ["student__code", "student__full_name", "session__course__code"]
    actions = ["accept", "decline"]
    readonly_fields = ["document"]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    ("student", "session"),
                    ("against", "wanted"),
                    ("requested_at", "deadline_at"),
                    "text",
                    "document",
                ]
            },
        ),
        (
            _("Decision"),
            {"fields": [("status", "decided_at", "decided_by"), "decision_note"]},
        ),
    ]

    @admin.display(description=_("attachment"))
    def document(self, appeal: Appeal) -> str:
        return attachment_link(appeal.attachment, "api-appeal-attachment", appeal_id=appeal.pk)

    @admin.action(description=_("Accept: correct the mark"), permissions=["decide"])
    def accept(self, request: HttpRequest, queryset: QuerySet[Appeal]) -> None:
        self._decide(request, queryset, accept=True, note="")

    @admin.action(description=_("Decline"), permissions=["decide"])
    def decline(self, request: HttpRequest, queryset: QuerySet[Appeal]) -> None:
        self._decide(request, queryset, accept=False, note=str(DECLINED))

    def _decide(
        self, request: HttpRequest, rows: QuerySet[Appeal], *, accept: bool, note: str
    ) -> None:
        def decide(appeal: Appeal, **facts: Any) -> None:
            appeal_decide(appeal=appeal, accept=accept, note=note, role=Editor.OFFICE, **facts)

        done = gettext("Accepted: %(count)d.") if accept else gettext("Declined: %(count)d.")
        self.decide_all(request, rows.select_related("student"), decide, done)


@admin.register(Attachment)
class AttachmentAdmin(HistoryAdmin):
    """That something was handed in. Opening it goes through its request, and is logged."""

    list_display = ["stored_at", "student", "kind", "size", "delete_after"]
    list_filter = ["kind", "stored_at", ("student", AutocompleteSelectFilter)]
    list_select_related = ["student"]
    search_fields = ["student__code", "student__full_name"]
    fields = [("student", "kind", "size"), ("stored_at", "delete_after")]


def attachment_link(attachment: Attachment | None, route: str, **ids: int) -> str:
    """A link to the file for those who may read it, or a dash."""
    if attachment is None:
        return "–"
    return format_html('<a href="{}">{}</a>', reverse(route, kwargs=ids), attachment)
