"""Photos of the class: taken or chosen, searched by a worker, reviewed and confirmed."""

import uuid
from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.attendance.models import BulkChange
from apps.attendance.selectors.policies import EDIT_REFUSALS, Editor, edit_refusal, policy_for
from apps.attendance.services.bulk_marking import SAVED
from apps.audit.actors import request_actor
from apps.biometrics.images import ImageRefused
from apps.class_photos.selectors import (
    named_by_hand,
    open_review,
    photos_refusal,
    review_required,
    review_shown,
    roster,
)
from apps.class_photos.services.confirming import review_confirm, review_undo
from apps.class_photos.services.reviews import (
    MOST_PHOTOS,
    photo_add,
    photo_open,
    review_finish,
)
from apps.common.errors import Refused
from apps.common.fields import row_number
from apps.portal.faculty.views.session import own_session, tell_restored
from apps.portal.shared.forms import photo_problem
from apps.portal.shared.pages import check_limit, portal_page, refusals_told
from apps.privacy.selectors import privacy_rules
from apps.sessions.models import ClassSession


@require_http_methods(["GET", "POST"])
@never_cache
@portal_page
def photo(request: HttpRequest, session_id: int) -> HttpResponse:
    """Take or choose photos, wait for the worker, review. POST adds photos: each is searched at
    once, and those before one that is refused stay."""
    session = own_session(request, session_id)
    if request.method == "GET":
        return _show(request, session)
    problem = _add(request, session)
    if request.htmx:  # type: ignore[attr-defined]
        return _show(request, session, problem=problem)
    if problem:
        messages.error(request, problem)
    return redirect("portal:session_photo", session_id)


def _add(request: HttpRequest, session: ClassSession) -> str:
    """Why a photo was not taken; "" when all were."""
    files = request.FILES.getlist("photo")
    if not files:
        return _("Choose a photo.")
    for file in files:
        try:
            check_limit(request, "class_photo")
            now, actor = timezone.now(), request_actor(request)
            photo_add(session=session, data=file.read(), now=now, actor=actor)
        except ImageRefused as refused:
            return photo_problem(refused)
        except Refused as refusal:
            return refusal.message
    return ""


def _show(request: HttpRequest, session: ClassSession, *, problem: str = "") -> HttpResponse:
    """The page, or the part of it that changes; 422 with what was wrong."""
    now = timezone.now()
    policy = policy_for(course=session.course)
    locked = edit_refusal(session=session, role=Editor.LECTURER, policy=policy, now=now)
    refusal = photos_refusal(session, policy=policy)
    review = open_review(session)
    context: dict[str, Any] = {
        "session": session,
        "refusal": str(EDIT_REFUSALS[locked]) if locked else refusal.message if refusal else "",
        "review": review,
        "shown": review_shown(review=review, now=now) if review else None,
        "roster": roster(session) if review else [],
        "nonce": uuid.uuid4().hex,
        "hours": privacy_rules().class_photos_hours,
        "most": MOST_PHOTOS,
        "problem": problem,
    }
    name = "_photo_state" if request.htmx else "photo"  # type: ignore[attr-defined]
    status = 422 if problem else 200
    return render(request, f"portal/faculty/{name}.html", context, status=status)


@require_GET
@portal_page
def photo_image(request: HttpRequest, session_id: int, number: int) -> HttpResponse:
    """A photo under review, the reader's name across it; no cache keeps it, the log says who."""
    session = own_session(request, session_id)
    jpeg = photo_open(
        session=session, number=number, now=timezone.now(), actor=request_actor(request)
    )
    headers = {"Cache-Control": "private, no-store"}
    return HttpResponse(jpeg, content_type="image/jpeg", headers=headers)


@require_POST
@portal_page
def photo_confirm(request: HttpRequest, session_id: int) -> HttpResponse:
    """Mark all known students, or those that were chosen."""
    session = own_session(request, session_id)
    known = request.POST.get("confirm") == "known"
    with refusals_told(request):
        bulk = review_confirm(
            session=session,
            nonce=request.POST.get("nonce", "")[:64] or uuid.uuid4().hex,
            known=known,
            chosen=() if known else list(_chosen(request, session)),
            now=timezone.now(),
            actor=request_actor(request),
        )
        _tell(request, bulk)
    return redirect("portal:session_photo", session_id)


def _chosen(request: HttpRequest, session: ClassSession) -> Iterator[tuple[int, int]]:
    """Faces and students: a name typed by hand counts before the choice."""
    for field in request.POST:
        value = str(request.POST.get(field, ""))
        kind, _dash, number = field.partition("-")
        face = row_number(number)
        if face is None or not value.strip():
            continue
        by_hand = request.POST.get(f"other-{face}", "").strip()
        if kind == "other":
            yield face, named_by_hand(text=value, session=session)
        elif kind == "face" and not by_hand and (student := row_number(value)):
            yield face, student


def _tell(request: HttpRequest, bulk: BulkChange) -> None:
    saved = sum(row["result"] == SAVED for row in bulk.results)
    text = ngettext(
        "%(number)d student is marked present.", "%(number)d students are marked present.", saved
    )
    messages.success(request, text % {"number": saved})
    for why in {row["message"] for row in bulk.results if row["message"]}:
        messages.warning(request, why)


@require_POST
@portal_page
def photo_undo(request: HttpRequest, session_id: int) -> HttpResponse:
    """Take the last confirmation back."""
    session = own_session(request, session_id)
    now, actor = timezone.now(), request_actor(request)
    with refusals_told(request):
        _bulk, results = review_undo(session=session, now=now, actor=actor)
        tell_restored(request, sum(result.result == SAVED for result in results))
    return redirect("portal:session_photo", session_id)


@require_POST
@portal_page
def photo_finish(request: HttpRequest, session_id: int) -> HttpResponse:
    """Delete the photos; the marks stay."""
    session = own_session(request, session_id)
    review = review_required(session)
    review_finish(review=review, now=timezone.now(), actor=request_actor(request))
    messages.success(request, _("The photos are deleted. The marks stay."))
    return redirect("portal:session", session_id)
