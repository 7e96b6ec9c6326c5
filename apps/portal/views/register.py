"""What surrounds a register: its history and its undo, the signs, the burst of codes."""

from typing import Final

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.attendance.models import Sign
from apps.attendance.selectors import changes_of_session
from apps.attendance.services.bulk_marking import SAVED, bulk_undo, last_bulk
from apps.attendance.services.burst import burst_start
from apps.attendance.services.signs import sign_dismiss, signs_find
from apps.attendance.sign_selectors import sign_of, signs_in
from apps.attendance.sign_wording import names_in, wording
from apps.audit.actors import request_actor
from apps.common.errors import NotFound, Refused
from apps.portal.forms import sent_note
from apps.portal.pages import portal_page
from apps.portal.views.session import own_session
from apps.sessions.models import ClassSession

CHANGES_PAGE: Final = 50


@require_GET
@portal_page
def history(request: HttpRequest, session_id: int) -> HttpResponse:
    """Every change by hand, newest first, and the undo of the last one of many rows."""
    session = own_session(request, session_id)
    page = Paginator(changes_of_session(session_id=session.pk), CHANGES_PAGE).get_page(
        request.GET.get("page")
    )
    try:
        bulk = last_bulk(session=session)
    except NotFound:
        bulk = None
    context = {"session": session, "page_obj": page, "bulk": bulk}
    return render(request, "portal/history.html", context)


@require_POST
@portal_page
def undo(request: HttpRequest, session_id: int) -> HttpResponse:
    """Undo the last bulk change, unless another one was made since the page was shown."""
    session = own_session(request, session_id)
    try:
        bulk = last_bulk(session=session)
        if str(bulk.pk) != request.POST.get("bulk"):
            raise Refused("not_the_last", _("Meanwhile another change was made. Look again."))
        results = bulk_undo(bulk=bulk, now=timezone.now(), actor=request_actor(request))
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect("portal:session_history", session_id)
    back = sum(result.result == SAVED for result in results)
    text = ngettext("%(number)d mark put back.", "%(number)d marks put back.", back)
    messages.success(request, text % {"number": back})
    if back < len(results):
        messages.warning(request, _("Marks that were changed since stay as they are."))
    return redirect("portal:session_history", session_id)


# --- Signs -----------------------------------------------------------------------------------


def _signs(request: HttpRequest, session: ClassSession, problem: str = "") -> HttpResponse:
    found = signs_in(session_id=session.pk)
    names = names_in(sign for one in found for sign in one.signs)
    students = [
        {"student": one.student, "flagged": one.flagged, "signs": _worded(one.signs, names)}
        for one in found
    ]
    context = {"session": session, "students": students, "problem": problem}
    return render(request, "portal/_signs.html", context)


def _worded(signs: list[Sign], names: dict[int, str]) -> list[tuple[Sign, str]]:
    return [(sign, wording(sign, names)) for sign in signs]


@require_http_methods(["GET", "POST"])
@portal_page
def signs(request: HttpRequest, session_id: int) -> HttpResponse:
    """What was noticed, as a partial of the session's page. POST looks again, now."""
    session = own_session(request, session_id)
    if request.method == "POST":
        signs_find(session=session, now=timezone.now())
    return _signs(request, session)


@require_POST
@portal_page
def sign_put_away(request: HttpRequest, session_id: int, sign_id: int) -> HttpResponse:
    """The lecturer has looked, and it was nothing."""
    session = own_session(request, session_id)
    problem = ""
    try:
        sign_dismiss(
            sign=sign_of(session=session, sign_id=sign_id),
            note=sent_note(request),
            now=timezone.now(),
            actor=request_actor(request),
        )
    except NotFound:
        raise
    except Refused as refusal:
        problem = refusal.message
    return _signs(request, session, problem)


@require_POST
@portal_page
def burst(request: HttpRequest, session_id: int) -> HttpResponse:
    """Show five one-second codes on the projector."""
    session = own_session(request, session_id)
    try:
        burst_start(session=session, now=timezone.now(), actor=request_actor(request))
    except Refused as refusal:
        return _signs(request, session, refusal.message)
    return _signs(request, session)
