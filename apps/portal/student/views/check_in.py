"""The check-in in the browser: the link of the QR code, and the short address for typed codes.

Asking for either changes nothing. What counts are the requests of the page's scripts to the API.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from apps.accounts.requests import request_student, request_user
from apps.accounts.selectors import student_of
from apps.checkin.models import Reason
from apps.common.errors import Refused
from apps.portal.student.selectors.check_in import (
    page_facts,
    session_to_check_in,
    sessions_to_check_in,
)
from apps.portal.student.selectors.links import CodeSeen, checked_in_at, code_seen
from apps.qr_otp.stamps import Stamp
from apps.qr_otp.tokens import RAPID_PREFIX
from apps.sessions.models import ClassSession
from apps.signin.requests import (
    kept_stamp,
    leave_unnoted,
    request_visitor,
    stamp_keep,
    with_nonce,
)
from apps.tenants.addresses import asked_host
from apps.tenants.middleware import request_campus

View = Callable[..., HttpResponse]
PROBLEM: Final = "portal/student/check_in_problem.html"


def check_in_page(view: View) -> View:
    """As `portal_page`, for people who need not be signed in yet."""

    @wraps(view)
    def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            with timezone.override(request_campus(request).zone):
                return view(request, *args, **kwargs)
        except Refused as refusal:
            return _problem(request, code=refusal.code, text=refusal.message, status=refusal.status)

    return page


@require_safe
@check_in_page
def link(request: HttpRequest, token: str) -> HttpResponse:
    """The link of a QR code. Its page carries a stamp: this browser saw the code now."""
    if token[:2].upper() == f"{RAPID_PREFIX}.":
        return _problem(request, code="rapid_code", text="", status=200)
    visitor, now = with_nonce(request_visitor(request)), timezone.now()
    kept = kept_stamp(request)
    seen = code_seen(token=token, visitor=visitor, kept=kept, now=now)
    if seen.stamp is None:
        return _no_stamp(request, seen)
    if not request.user.is_authenticated:
        response = _sign_in(request, stamp=seen.stamp)
    else:
        sessions = session_to_check_in(session_id=int(seen.stamp.subject))
        response = _flow(request, sessions=sessions, stamp=seen.stamp)
    stamp_keep(request, response, stamp=seen.stamp, visitor=visitor)
    leave_unnoted(request)
    return response


@require_safe
@check_in_page
def typed(request: HttpRequest) -> HttpResponse:
    """The short address: choose the class, type the code."""
    if not request.user.is_authenticated:
        return _sign_in(request)
    student = request_student(request)
    return _flow(request, sessions=sessions_to_check_in(student=student))


def _sign_in(request: HttpRequest, *, stamp: Stamp | None = None) -> HttpResponse:
    """The form that leads back here; the code keeps what it was worth."""
    context = {"stamp": stamp, "next": request.path}
    return render(request, "portal/student/check_in_sign_in.html", context)


def _flow(
    request: HttpRequest, *, sessions: list[ClassSession], stamp: Stamp | None = None
) -> HttpResponse:
    student = student_of(user=request.user)
    if student is None:
        return _problem(request, code="not_a_student", text="", status=403)
    facts = page_facts(
        student=student,
        user_id=request_user(request).pk,
        sessions=sessions,
        stamp=stamp,
        host=asked_host(request),
        now=timezone.now(),
    )
    context = {"facts": facts, "sessions": sessions, "stamp": stamp, "student": student}
    return render(request, "portal/student/check_in.html", context)


def _no_stamp(request: HttpRequest, seen: CodeSeen) -> HttpResponse:
    """Why the code counts no more; who has checked in with it, and comes back, is told that."""
    student = student_of(user=request.user) if request.user.is_authenticated else None
    at = checked_in_at(student=student, session_id=seen.session_id) if student else None
    reason = seen.reason
    if at is not None:
        context = {"code": "checked_in", "checked_in_at": at}
        return render(request, PROBLEM, context, status=reason.status)
    return _problem(request, code=reason, text=str(reason.label), status=reason.status)


def _problem(request: HttpRequest, *, code: str, text: str, status: int) -> HttpResponse:
    """A page that says in words what is wrong, and what to do."""
    again = code in (Reason.EXPIRED, Reason.STAMP_EXPIRED, Reason.SEEN_ELSEWHERE)
    context = {"code": str(code), "text": text, "again": again}
    return render(request, PROBLEM, context, status=status)
