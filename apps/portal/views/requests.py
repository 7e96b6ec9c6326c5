"""What waits for an answer: leave, appeals, and registers that nobody took."""

from typing import Any, Final

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.api.permissions import request_user
from apps.accounts.viewers import Viewer, viewer_of
from apps.attendance.leave_selectors import (
    appeal_editor,
    appeal_seen,
    appeals_seen,
    leave_editor,
    leave_seen,
    leaves_seen,
)
from apps.attendance.models import Appeal, LeaveRequest
from apps.attendance.not_taken import registers_not_taken_seen
from apps.attendance.services.appeals import appeal_decide
from apps.attendance.services.leave import leave_decide
from apps.audit.actors import request_actor
from apps.common.errors import Forbidden, NotFound, Refused
from apps.portal.forms import sent_note
from apps.portal.pages import portal_page
from apps.portal.views.session import own_session
from apps.sessions.services import session_cancel

WAITING: Final = 100  # shown at once; the oldest first
DECIDED: Final = 20
NOT_TAKEN_PAGE: Final = 50


def _teacher(request: HttpRequest) -> Viewer:
    viewer = viewer_of(user=request.user)
    if not viewer.teaches:
        raise Forbidden("role_required", _("This is for lecturers and the office."))
    return viewer


# A lecturer who also studies sees own requests in the student's pages, not among these.


def _leaves(viewer: Viewer) -> Any:
    rows = leaves_seen(viewer=viewer)
    return rows if viewer.student is None else rows.exclude(student=viewer.student)


def _appeals(viewer: Viewer) -> Any:
    rows = appeals_seen(viewer=viewer)
    return rows if viewer.student is None else rows.exclude(student=viewer.student)


@require_GET
@portal_page
def requests(request: HttpRequest) -> HttpResponse:
    """Leave and appeals: what waits, oldest first, and what was decided lately."""
    viewer = _teacher(request)
    leaves, appeals = _leaves(viewer), _appeals(viewer)
    pending, open_ = LeaveRequest.Status.PENDING, Appeal.State.OPEN
    decided = [LeaveRequest.Status.APPROVED, LeaveRequest.Status.REJECTED]
    answered = [Appeal.State.ACCEPTED, Appeal.State.REJECTED]
    context = {
        "leaves": leaves.filter(status=pending).order_by("requested_at", "id")[:WAITING],
        "appeals": appeals.filter(status=open_).order_by("requested_at", "id")[:WAITING],
        "decided_leaves": leaves.filter(status__in=decided).order_by("-decided_at")[:DECIDED],
        "decided_appeals": appeals.filter(status__in=answered).order_by("-decided_at")[:DECIDED],
    }
    return render(request, "portal/requests.html", context)


@require_POST
@portal_page
def leave(request: HttpRequest, leave_id: int) -> HttpResponse:
    """Approve or decline a request for leave."""
    viewer = _teacher(request)
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
    messages.success(request, _("Decided. The student is told."))
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
    asked = appeal_seen(viewer=_teacher(request), appeal_id=appeal_id)
    try:
        appeal_decide(
            appeal=asked,
            accept=request.POST.get("answer") == "yes",
            note=sent_note(request),
            role=appeal_editor(user=request_user(request), appeal=asked),
            now=timezone.now(),
            actor=request_actor(request),
        )
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, _("Decided. The student is told."))
    return redirect("portal:requests")


# --- Registers not taken ---------------------------------------------------------------------


@require_GET
@portal_page
def not_taken(request: HttpRequest) -> HttpResponse:
    """Sessions that nobody opened in time: the lecturer's own, for the office everybody's."""
    viewer = _teacher(request)
    rows = registers_not_taken_seen(viewer=viewer, now=timezone.now())
    page = Paginator(rows, NOT_TAKEN_PAGE).get_page(request.GET.get("page"))
    return render(request, "portal/not_taken.html", {"page_obj": page, "viewer": viewer})


@require_POST
@portal_page
def did_not_happen(request: HttpRequest, session_id: int) -> HttpResponse:
    """Cancel a session that did not take place; the students are told why."""
    session = own_session(request, session_id)
    try:
        note = sent_note(request).strip()
        if not note:
            raise Refused("note_required", _("Say why it did not take place."))
        session_cancel(
            session=session, reason=note[:500], now=timezone.now(), actor=request_actor(request)
        )
    except NotFound:
        raise
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, _("The session is cancelled."))
    return redirect("portal:not_taken")
