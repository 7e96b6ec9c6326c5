"""The plan of single sessions: one more, moved, exchanged, cancelled, held by somebody else."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.requests import request_faculty
from apps.audit.actors import request_actor
from apps.common.errors import NotFound, Refused
from apps.portal.faculty.forms import CallOffForm, PlanForm, SubstituteForm, SwapForm, plan_of
from apps.portal.shared.pages import portal_page
from apps.sessions.models import ClassSession
from apps.sessions.selectors import course_of, session_planned, swap_candidates
from apps.sessions.services import DEFAULT_LENGTH, session_cancel
from apps.timetable.selectors.planning import session_warnings
from apps.timetable.services import (
    session_plan,
    session_reschedule,
    session_substitute,
    session_swap,
)


def _facts(request: HttpRequest) -> dict[str, Any]:
    return {"now": timezone.now(), "actor": request_actor(request)}


def _warn(request: HttpRequest, session: ClassSession) -> None:
    for text in session_warnings(session):
        messages.warning(request, text)


@require_http_methods(["GET", "POST"])
@portal_page
def plan_create(request: HttpRequest, course_id: int) -> HttpResponse:
    """One more session of an own course."""
    course = course_of(faculty=request_faculty(request), course_id=course_id)
    now = timezone.localtime()
    start = now.replace(minute=0)
    form = PlanForm(
        request.POST or None,
        initial={
            "day": now.date(),
            "starts_at": start.time(),
            "ends_at": (start + DEFAULT_LENGTH).time(),
            "classroom": course.classroom_id,
        },
    )
    status = 200
    if request.method == "POST":
        session, status = _planned(request, course, form)
        if session is not None:
            messages.success(request, _("The session is planned."))
            _warn(request, session)
            return redirect("portal:course", course.pk)
    context = {"course": course, "form": form}
    return render(request, "portal/faculty/plan_create.html", context, status=status)


def _planned(request: HttpRequest, course: Any, form: PlanForm) -> tuple[ClassSession | None, int]:
    """The new session; else None and the status of the answer."""
    if not form.is_valid():
        return None, 400
    starts_at, ends_at = form.period()
    try:
        session = session_plan(
            course=course,
            starts_at=starts_at,
            ends_at=ends_at,
            classroom=form.cleaned_data["classroom"],
            topic=form.cleaned_data["topic"],
            **_facts(request),
        )
    except Refused as refusal:
        form.add_error(None, refusal.message)
        return None, refusal.status
    return session, 200


def _forms(request: HttpRequest, session: ClassSession, name: str = "") -> dict[str, forms.Form]:
    """The four forms of the page; the named one is filled with what was sent."""
    sent = {name: request.POST}
    candidates = swap_candidates(
        session=session, faculty=request_faculty(request), now=timezone.now()
    )
    return {
        "move": PlanForm(sent.get("move"), initial=plan_of(session)),
        "swap": SwapForm(sent.get("swap"), candidates=candidates),
        "cancel": CallOffForm(sent.get("cancel")),
        "substitute": SubstituteForm(sent.get("substitute"), session=session),
    }


def _page(
    request: HttpRequest, session: ClassSession, shown: dict[str, forms.Form], status: int = 200
) -> HttpResponse:
    context = {
        "session": session,
        "scheduled": session.status == ClassSession.Status.SCHEDULED,
        "form": shown,
    }
    return render(request, "portal/faculty/plan.html", context, status=status)


@require_GET
@portal_page
def plan(request: HttpRequest, session_id: int) -> HttpResponse:
    """What can be changed about a scheduled session."""
    session = session_planned(faculty=request_faculty(request), session_id=session_id)
    return _page(request, session, _forms(request, session))


def _change(
    request: HttpRequest,
    session_id: int,
    name: str,
    change: Callable[[ClassSession, Any], ClassSession],
    done: str,
) -> HttpResponse:
    """Make one of the changes; a refusal stands above its form, with what was entered."""
    session = session_planned(faculty=request_faculty(request), session_id=session_id)
    shown = _forms(request, session, name)
    form = shown[name]
    if not form.is_valid():
        return _page(request, session, shown, status=400)
    try:
        changed = change(session, form)
    except NotFound:
        raise
    except Refused as refusal:
        form.add_error(None, refusal.message)
        return _page(request, session, shown, status=refusal.status)
    messages.success(request, done)
    _warn(request, changed)
    return redirect("portal:course", session.course_id)


@require_POST
@portal_page
def plan_move(request: HttpRequest, session_id: int) -> HttpResponse:
    def move(session: ClassSession, form: PlanForm) -> ClassSession:
        starts_at, ends_at = form.period()
        return session_reschedule(
            session=session,
            starts_at=starts_at,
            ends_at=ends_at,
            classroom=form.cleaned_data["classroom"],
            topic=form.cleaned_data["topic"],
            **_facts(request),
        )

    return _change(request, session_id, "move", move, _("The session is changed."))


@require_POST
@portal_page
def plan_swap(request: HttpRequest, session_id: int) -> HttpResponse:
    def swap(session: ClassSession, form: SwapForm) -> ClassSession:
        other = form.cleaned_data["other"]
        return session_swap(first=session, second=other, **_facts(request))[0]

    return _change(request, session_id, "swap", swap, _("The two sessions are exchanged."))


@require_POST
@portal_page
def plan_cancel(request: HttpRequest, session_id: int) -> HttpResponse:
    def cancel(session: ClassSession, form: CallOffForm) -> ClassSession:
        note = form.cleaned_data["note"]
        return session_cancel(session=session, reason=note, **_facts(request))

    return _change(request, session_id, "cancel", cancel, _("The session is cancelled."))


@require_POST
@portal_page
def plan_substitute(request: HttpRequest, session_id: int) -> HttpResponse:
    def substitute(session: ClassSession, form: SubstituteForm) -> ClassSession:
        faculty = form.cleaned_data["faculty"]
        return session_substitute(session=session, faculty=faculty, **_facts(request))

    return _change(request, session_id, "substitute", substitute, _("The substitute is named."))
