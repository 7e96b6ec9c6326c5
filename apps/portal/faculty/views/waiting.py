"""What a lecturer decides about single students of a session: check-ins that wait, and one-time
codes."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from apps.attendance.selectors.policies import EDIT_REFUSALS, Editor, edit_refusal, policy_for
from apps.audit.actors import request_actor
from apps.checkin.selectors.waiting import waiting_in
from apps.checkin.services.codes import class_code_issue, class_codes_allowed, student_code_issue
from apps.checkin.services.waiting import waiting_decide
from apps.common.errors import NotFound, Refused
from apps.common.fields import row_number
from apps.portal.faculty.selectors import code_candidates
from apps.portal.faculty.views.session import own_session
from apps.portal.shared.pages import portal_page
from apps.sessions.models import ClassSession


@require_http_methods(["GET", "POST"])
@never_cache
@portal_page
def session_waiting(request: HttpRequest, session_id: int) -> HttpResponse:
    """The check-ins that wait, as a partial of the session's page; POST decides on some of them."""
    session = own_session(request, session_id)
    if request.method == "POST":
        _decide(request, session)
    elif request.headers.get("HX-Request"):
        return _list(request, session)
    return redirect("portal:session", session_id)


def _list(request: HttpRequest, session: ClassSession) -> HttpResponse:
    refusal = edit_refusal(
        session=session,
        role=Editor.LECTURER,
        policy=policy_for(course=session.course),
        now=timezone.now(),
    )
    context = {
        "session": session,
        "waiting": waiting_in(session_id=session.pk),
        "edit_refusal": EDIT_REFUSALS.get(refusal, ""),
    }
    return render(request, "portal/faculty/_waiting.html", context)


def _decide(request: HttpRequest, session: ClassSession) -> None:
    """One by its own button, else all that are ticked."""
    accept, ids = _asked(request)
    if not ids:
        messages.error(request, _("Select at least one check-in."))
        return
    try:
        decided = waiting_decide(
            session=session,
            attempt_ids=ids,
            accept=accept,
            now=timezone.now(),
            actor=request_actor(request),
        )
    except Refused as refusal:
        messages.error(request, refusal.message)
        return
    if accept:
        text = ngettext(
            "%(number)d check-in accepted.", "%(number)d check-ins accepted.", len(decided)
        )
    else:
        text = ngettext(
            "%(number)d check-in refused.", "%(number)d check-ins refused.", len(decided)
        )
    messages.success(request, text % {"number": len(decided)})


def _asked(request: HttpRequest) -> tuple[bool, list[UUID]]:
    for name in ("accept", "refuse"):
        if name in request.POST:
            return name == "accept", _ids([request.POST[name]])
    accept = request.POST.get("decision") == "accept"
    refuse = request.POST.get("decision") == "refuse"
    return accept, _ids(request.POST.getlist("attempt")) if accept or refuse else []


def _ids(texts: list[str]) -> list[UUID]:
    found = []
    for text in texts:
        try:
            found.append(UUID(text))
        except ValueError:
            continue
    return found


@require_http_methods(["GET", "POST"])
@never_cache
@portal_page
def session_code(request: HttpRequest, session_id: int) -> HttpResponse:
    """Choose a student and get a code for them: shown once, a new one replaces it."""
    session = own_session(request, session_id)
    query = request.GET.get("q", "")[:100]
    context: dict[str, Any] = {"session": session, "query": query}
    status = 200
    if request.method == "POST":
        try:
            context |= _issued(request, session)
        except NotFound:
            raise
        except Refused as refusal:
            context["problem"], status = refusal.message, refusal.status
    context["students"] = code_candidates(session=session, query=query)
    context["class_codes"] = class_codes_allowed(session)
    in_dialog = bool(request.headers.get("HX-Request"))
    template = "portal/faculty/_code_form.html" if in_dialog else "portal/faculty/code.html"
    return render(request, template, context, status=200 if in_dialog else status)


def _issued(request: HttpRequest, session: ClassSession) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "session": session,
        "now": timezone.now(),
        "actor": request_actor(request),
    }
    student = None
    if "whole_class" in request.POST:
        code, expires_at = class_code_issue(**facts)
    else:
        code, expires_at, student = student_code_issue(student_id=_student(request), **facts)
    return {"code": code, "expires_at": timezone.localtime(expires_at), "student": student}


def _student(request: HttpRequest) -> int:
    student_id = row_number(request.POST.get("student", ""))
    if student_id is None:
        raise Refused("student_required", _("Choose a student."), status=400)
    return student_id
