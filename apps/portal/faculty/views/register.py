"""What surrounds a register: its history and its undo, the findings, the rapid-code challenge."""

from typing import Final

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.attendance.selectors.marks import changes_of_session
from apps.attendance.services.bulk_marking import SAVED
from apps.attendance.services.bulk_undo import bulk_undo, last_bulk
from apps.audit.actors import request_actor
from apps.cameras.services.marking import camera_marks_undo, marked_by_cameras
from apps.common.errors import NotFound, Refused
from apps.integrity.models import Finding
from apps.integrity.selectors import finding_of, findings_in
from apps.integrity.services.findings import finding_dismiss as dismiss
from apps.integrity.services.findings import findings_find
from apps.integrity.services.rapid_codes import challenge_start
from apps.integrity.wording import names_in, wording
from apps.portal.faculty.views.session import own_session, tell_restored
from apps.portal.shared.forms import sent_note
from apps.portal.shared.pages import portal_page, refusals_told
from apps.sessions.models import ClassSession
from apps.sessions.services import session_cancel

CHANGES_PAGE: Final = 50


@require_GET
@portal_page
def history(request: HttpRequest, session_id: int) -> HttpResponse:
    """Every change by hand or by camera, newest first, and their undo."""
    session = own_session(request, session_id)
    page = Paginator(changes_of_session(session_id=session.pk), CHANGES_PAGE).get_page(
        request.GET.get("page")
    )
    try:
        bulk = last_bulk(session=session)
    except NotFound:
        bulk = None
    by_cameras = marked_by_cameras(session=session)
    context = {"session": session, "page_obj": page, "bulk": bulk, "by_cameras": by_cameras}
    return render(request, "portal/faculty/history.html", context)


@require_POST
@portal_page
def undo(request: HttpRequest, session_id: int) -> HttpResponse:
    """Undo the last bulk change, unless another one was made since the page was shown."""
    session = own_session(request, session_id)
    try:
        bulk = last_bulk(session=session)
        if str(bulk.pk) != request.POST.get("bulk"):
            raise Refused(
                "not_the_last", _("Another change was made meanwhile. Check the history.")
            )
        results = bulk_undo(bulk=bulk, now=timezone.now(), actor=request_actor(request))
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect("portal:session_history", session_id)
    back = sum(result.result == SAVED for result in results)
    tell_restored(request, back)
    if back < len(results):
        messages.warning(request, _("Marks that were changed in the meantime stay as they are."))
    return redirect("portal:session_history", session_id)


@require_POST
@portal_page
def undo_cameras(request: HttpRequest, session_id: int) -> HttpResponse:
    """Take back what cameras marked, all of it; none of them marks it again."""
    session = own_session(request, session_id)
    with refusals_told(request):
        back = camera_marks_undo(session=session, now=timezone.now(), actor=request_actor(request))
        tell_restored(request, back)
    return redirect("portal:session_history", session_id)


# --- Findings --------------------------------------------------------------------------------


def _findings(request: HttpRequest, session: ClassSession, problem: str = "") -> HttpResponse:
    found = findings_in(session_id=session.pk)
    names = names_in(finding for one in found for finding in one.findings)
    students = [
        {"student": one.student, "flagged": one.flagged, "findings": _worded(one.findings, names)}
        for one in found
    ]
    context = {"session": session, "students": students, "problem": problem}
    return render(request, "portal/faculty/_findings.html", context)


def _worded(findings: list[Finding], names: dict[int, str]) -> list[tuple[Finding, str]]:
    return [(finding, wording(finding, names)) for finding in findings]


@require_http_methods(["GET", "POST"])
@portal_page
def findings(request: HttpRequest, session_id: int) -> HttpResponse:
    """What was noticed, as a partial of the session's page, to which its address leads when it is
    opened by itself. POST looks again, now."""
    session = own_session(request, session_id)
    if request.method == "GET" and not request.htmx:  # type: ignore[attr-defined]
        return redirect("portal:session", session.pk)
    if request.method == "POST":
        findings_find(session=session, now=timezone.now())
    return _findings(request, session)


@require_POST
@portal_page
def finding_dismiss(request: HttpRequest, session_id: int, finding_id: int) -> HttpResponse:
    """The lecturer has looked, and it was nothing."""
    session = own_session(request, session_id)
    problem = ""
    try:
        dismiss(
            finding=finding_of(session=session, finding_id=finding_id),
            note=sent_note(request),
            now=timezone.now(),
            actor=request_actor(request),
        )
    except NotFound:
        raise
    except Refused as refusal:
        problem = refusal.message
    return _findings(request, session, problem)


@require_POST
@portal_page
def rapid_codes(request: HttpRequest, session_id: int) -> HttpResponse:
    """Show five one-second codes on the projector."""
    session = own_session(request, session_id)
    try:
        challenge_start(session=session, now=timezone.now(), actor=request_actor(request))
    except Refused as refusal:
        return _findings(request, session, refusal.message)
    return _findings(request, session)


@require_POST
@portal_page
def did_not_happen(request: HttpRequest, session_id: int) -> HttpResponse:
    """Cancel a session that did not take place; the students are told why."""
    session = own_session(request, session_id)
    with refusals_told(request):
        note = sent_note(request).strip()
        if not note:
            raise Refused("note_required", _("Say why it did not take place."))
        session_cancel(
            session=session, reason=note[:500], now=timezone.now(), actor=request_actor(request)
        )
        messages.success(request, _("The session is cancelled."))
    return redirect("portal:not_taken")
