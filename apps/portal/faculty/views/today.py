"""The lecturer's day, from which sessions are started."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.models import Faculty
from apps.accounts.requests import request_faculty
from apps.attendance.services.register import register_open, register_open_now
from apps.audit.actors import request_actor
from apps.checkin.selectors.waiting import waiting_sessions
from apps.common.errors import Refused
from apps.portal.faculty.forms import TopicForm, UnscheduledForm
from apps.portal.faculty.selectors import (
    sessions_today,
    sessions_upcoming,
)
from apps.portal.shared.pages import portal_page
from apps.sessions.models import ClassSession
from apps.sessions.selectors import session_of, session_open_about, sessions_of


def _today(
    request: HttpRequest,
    faculty: Faculty,
    form: UnscheduledForm | None = None,
    status: int = 200,
    refusal: Refused | None = None,
) -> HttpResponse:
    """`refusal`: why a session could not be started. One that is still open can be closed then."""
    now = timezone.now()
    form = form or UnscheduledForm(faculty=faculty)
    context = {
        "now": timezone.localtime(now),
        "sessions": sessions_today(faculty=faculty, now=now),
        "waiting_sessions": waiting_sessions(faculty=faculty),
        "upcoming": sessions_upcoming(faculty=faculty, now=now),
        "left_open": _left_open(request, faculty, refusal),
        "unscheduled_form": form if list(form.fields["course"].queryset[:1]) else None,  # type: ignore[attr-defined]
    }
    return render(request, "portal/faculty/today.html", context, status=status)


def _left_open(
    request: HttpRequest, faculty: Faculty, refusal: Refused | None
) -> dict[str, Any] | None:
    """The session in the way, and what was asked for: to be sent again once it may be closed."""
    if refusal is None or refusal.code != "another_session_open":
        return None
    sent = {
        name: request.POST.get(name, "") for name in ("topic", "course") if name in request.POST
    }
    earlier = sessions_of(faculty=faculty).filter(pk=refusal.extra["session"]).first()
    return {"session": earlier, "message": refusal.message, "action": request.path, "sent": sent}


@require_GET
@portal_page
def today(request: HttpRequest) -> HttpResponse:
    """Today's sessions, each with its next step."""
    return _today(request, request_faculty(request))


@require_POST
@portal_page
def session_start(request: HttpRequest, session_id: int) -> HttpResponse:
    """Open a scheduled session and put its code on the projector."""
    faculty = request_faculty(request)
    session = session_of(faculty=faculty, session_id=session_id)
    form = TopicForm(request.POST)
    if not form.is_valid():
        messages.error(request, " ".join(map(str, form.errors["topic"])))
        return _today(request, faculty, status=400)
    if session.status == ClassSession.Status.OPEN:  # the second press of a double click
        return redirect("portal:projector", session_id)
    try:
        register_open(
            session=session,
            topic=form.cleaned_data["topic"],
            close_open=request.POST.get("close_open") == "1",
            now=timezone.now(),
            actor=request_actor(request),
        )
    except Refused as refusal:
        session.refresh_from_db(fields=["status"])
        if session.status == ClassSession.Status.OPEN:
            return redirect("portal:projector", session_id)
        if refusal.code != "another_session_open":
            messages.error(request, refusal.message)
        return _today(request, faculty, status=refusal.status, refusal=refusal)
    return redirect("portal:projector", session_id)


@require_POST
@portal_page
def session_start_unscheduled(request: HttpRequest) -> HttpResponse:
    """Open the course's session that is due, else one that was on no timetable."""
    faculty = request_faculty(request)
    form = UnscheduledForm(request.POST, faculty=faculty)
    if not form.is_valid():
        return _today(request, faculty, form, status=400)
    course, topic = form.cleaned_data["course"], form.cleaned_data["topic"]
    if opened := session_open_about(faculty=faculty, course=course, topic=topic):
        return redirect("portal:projector", opened.pk)
    try:
        session = register_open_now(
            course=course,
            topic=topic,
            close_open=request.POST.get("close_open") == "1",
            now=timezone.now(),
            actor=request_actor(request),
        )
    except Refused as refusal:
        if opened := session_open_about(faculty=faculty, course=course, topic=topic):
            return redirect("portal:projector", opened.pk)
        if refusal.code == "another_session_open":
            return _today(request, faculty, status=refusal.status, refusal=refusal)
        form.add_error(None, refusal.message)
        return _today(request, faculty, form, status=refusal.status)
    return redirect("portal:projector", session.pk)
