"""One session: the projector, the live register, marks by hand, completion."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from django.contrib import messages
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.requests import request_faculty
from apps.attendance.models import Arrivals, Status
from apps.attendance.selectors.policies import (
    EDIT_REFUSALS,
    Editor,
    edit_refusal,
    policy_for,
    time_refusal,
    window_of,
)
from apps.attendance.services.marking import record_mark
from apps.attendance.services.register import register_close
from apps.audit.actors import request_actor
from apps.board.document import board_answer, board_document
from apps.checkin.selectors.waiting import waiting_in
from apps.class_photos.selectors import photos_refusal
from apps.common.errors import Refused
from apps.portal.faculty.forms import MarkForm
from apps.portal.shared.pages import portal_page
from apps.sessions.models import ClassSession
from apps.sessions.selectors import session_of
from apps.tenants.middleware import campus_origin

WATCHING_SECONDS: Final = 30  # how long a checked right to watch a board is believed


def own_session(request: HttpRequest, session_id: int) -> ClassSession:
    """A session of the lecturer who asks; any other is `NotFound`."""
    return session_of(faculty=request_faculty(request), session_id=session_id)


def tell_restored(request: HttpRequest, marks: int) -> None:
    """Of an undo."""
    text = ngettext("%(number)d mark restored.", "%(number)d marks restored.", marks)
    messages.success(request, text % {"number": marks})


@require_GET
@portal_page
def session_page(request: HttpRequest, session_id: int) -> HttpResponse:
    """The register of one session: live board, marks by hand, completion."""
    session = own_session(request, session_id)
    now = timezone.now()
    marking, refusal = _marking(session, now)
    context = {
        "session": session,
        "board": board_document(session=session, now=now, origin=campus_origin(request)),
        "marking": marking,
        "class_photos": marking == "bulk" and photos_refusal(session) is None,
        "waiting": waiting_in(session_id=session.pk),
        "edit_refusal": EDIT_REFUSALS.get(refusal, ""),
        "threshold": _threshold(session),
    }
    return render(request, "portal/faculty/session.html", context)


def _threshold(session: ClassSession) -> int | None:
    """The score that a check-in of this session needs, in percent; None before it was opened."""
    needed = session.policy.get("present_threshold")
    return None if needed is None else round(100 * float(needed))


def _marking(session: ClassSession, now: datetime) -> tuple[str, str]:
    """How many can be marked at once: "bulk", "take" (afterwards) or ""; and why not, if not."""
    if session.status == ClassSession.Status.CANCELLED:
        return "", ""
    policy = policy_for(course=session.course)
    facts: dict[str, Any] = {
        "session": session,
        "role": Editor.LECTURER,
        "policy": policy,
        "now": now,
    }
    if session.status != ClassSession.Status.SCHEDULED:
        refusal = edit_refusal(**facts)
        return ("" if refusal else "bulk"), refusal
    _before, after = window_of(policy)
    if now <= session.starts_at + after:
        return "", ""
    refusal = time_refusal(**facts)
    return ("" if refusal else "take"), refusal


@require_GET
@portal_page
def projector(request: HttpRequest, session_id: int) -> HttpResponse:
    """The page that the projector shows."""
    session = own_session(request, session_id)
    origin = campus_origin(request)
    context = {
        "session": session,
        "board": board_document(session=session, now=timezone.now(), origin=origin),
        "short_address": f"{origin.partition('://')[2]}/c",
        "arrivals": policy_for(course=session.course).arrivals,
        "arrival_choices": Arrivals.choices,
    }
    return render(request, "portal/faculty/projector.html", context)


@require_GET
@never_cache
@portal_page
def board(request: HttpRequest, session_id: int) -> HttpResponse:
    """The board's document, polled every second: 304 without touching a table of the register."""
    watching = f"watching:{request.campus_id}:{request.user.pk}:{session_id}"  # type: ignore[attr-defined]
    session = None
    if not cache.get(watching):
        session = own_session(request, session_id)
        cache.set(watching, 1, WATCHING_SECONDS)
    return board_answer(
        request,
        session_id=session_id,
        load=lambda: session or own_session(request, session_id),
        now=timezone.now(),
    )


@require_POST
@portal_page
def session_mark(request: HttpRequest, session_id: int) -> HttpResponse:
    """Mark one student: 204, or 422 with the reasons as a partial for the dialog."""
    session = own_session(request, session_id)
    form = MarkForm(request.POST)
    if not form.is_valid():
        errors = [error for field in form.errors.values() for error in field]
        return _form_errors(request, errors)
    try:
        record_mark(
            session=session,
            student_id=form.cleaned_data["student"],
            status=Status(form.cleaned_data["status"]),
            reason=form.cleaned_data["reason"],
            now=timezone.now(),
            actor=request_actor(request),
        )
    except Refused as refusal:
        return _form_errors(request, [refusal.message])
    return HttpResponse(status=204)


def _form_errors(request: HttpRequest, errors: Sequence[Any]) -> HttpResponse:
    return render(request, "components/_form_errors.html", {"errors": errors}, status=422)


@require_POST
@portal_page
def session_complete(request: HttpRequest, session_id: int) -> HttpResponse:
    """Complete the session; the register stays on the screen. Done already is done."""
    session = own_session(request, session_id)
    try:
        register_close(session=session, now=timezone.now(), actor=request_actor(request))
    except Refused as refusal:
        session.refresh_from_db(fields=["status"])
        if session.status == ClassSession.Status.COMPLETED:
            messages.info(request, _("The session is completed already."))
        else:
            messages.error(request, refusal.message)
    else:
        messages.success(request, _("The session is completed."))
    return redirect("portal:session", session_id)
