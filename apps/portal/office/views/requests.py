"""What waits for an answer: leave and appeals."""

from typing import Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.requests import request_staff_viewer, request_user
from apps.audit.actors import request_actor
from apps.common.errors import Refused
from apps.leave.models import Appeal, LeaveRequest
from apps.leave.selectors import (
    appeal_editor,
    appeal_seen,
    leave_editor,
    leave_seen,
)
from apps.leave.services.appeals import appeal_decide
from apps.leave.services.leave import leave_decide
from apps.portal.office.selectors import appeals_to_decide, leaves_to_decide
from apps.portal.shared.forms import sent_note
from apps.portal.shared.pages import portal_page, refusals_told

WAITING: Final = 100  # shown at once; the oldest first
DECIDED: Final = 20


@require_GET
@portal_page
def requests(request: HttpRequest) -> HttpResponse:
    """Leave and appeals: what waits, oldest first, and what was decided lately."""
    viewer = request_staff_viewer(request)
    leaves, appeals = leaves_to_decide(viewer=viewer), appeals_to_decide(viewer=viewer)
    pending, open_ = LeaveRequest.Status.PENDING, Appeal.State.OPEN
    decided = [LeaveRequest.Status.APPROVED, LeaveRequest.Status.REJECTED]
    answered = [Appeal.State.ACCEPTED, Appeal.State.REJECTED]
    context = {
        "leaves": leaves.filter(status=pending).order_by("requested_at", "id")[:WAITING],
        "appeals": appeals.filter(status=open_).order_by("requested_at", "id")[:WAITING],
        "decided_leaves": leaves.filter(status__in=decided).order_by("-decided_at")[:DECIDED],
        "decided_appeals": appeals.filter(status__in=answered).order_by("-decided_at")[:DECIDED],
    }
    return render(request, "portal/office/requests.html", context)


@require_POST
@portal_page
def leave(request: HttpRequest, leave_id: int) -> HttpResponse:
    """Approve or decline a request for leave."""
    viewer = request_staff_viewer(request)
    asked = leave_seen(viewer=viewer, leave_id=leave_id)
    try:
        _decided, effect = leave_decide(
            leave=asked,
            approve=request.POST.get("answer") == "yes",
            note=sent_note(request),
            was=request.POST.get("was", ""),
            role=leave_editor(viewer=viewer, leave=asked),
            now=timezone.now(),
            actor=request_actor(request),
        )
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect("portal:requests")
    messages.success(request, _("Decided. The student will be notified."))
    if effect.changed:
        text = ngettext(
            "%(number)d mark was changed.", "%(number)d marks were changed.", effect.changed
        )
        messages.info(request, text % {"number": effect.changed})
    return redirect("portal:requests")


@require_POST
@portal_page
def appeal(request: HttpRequest, appeal_id: int) -> HttpResponse:
    """Accept an appeal, which corrects the mark, or decline it."""
    asked = appeal_seen(viewer=request_staff_viewer(request), appeal_id=appeal_id)
    with refusals_told(request):
        appeal_decide(
            appeal=asked,
            accept=request.POST.get("answer") == "yes",
            note=sent_note(request),
            role=appeal_editor(user=request_user(request), appeal=asked),
            now=timezone.now(),
            actor=request_actor(request),
        )
        messages.success(request, _("Decided. The student will be notified."))
    return redirect("portal:requests")
