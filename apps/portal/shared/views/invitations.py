"""Campuses that invite somebody: the own page after signing in, and the page behind the mail."""

from collections.abc import Sequence
from typing import Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.invitation_links import read_token
from apps.accounts.permissions import may_enter
from apps.accounts.requests import request_user
from apps.accounts.services import Invited, invitations_answer, invitations_of
from apps.common.errors import Forbidden, NotFound, Refused
from apps.portal.shared.pages import portal_page, refusals_told
from apps.signin.bound import is_bound
from apps.tenants.middleware import refuse

SEEN: Final = "invitations_seen"  # the start page leads here once per session


def waits_for_an_answer(request: HttpRequest) -> bool:
    """Whether a campus invites the person who is signed in, who has not been told so yet."""
    if request.session.get(SEEN) or is_bound(request.session):
        return False
    return bool(invitations_of(email=request_user(request).email, now=timezone.now()))


def _email(request: HttpRequest) -> str:
    """The address of who is signed in, on a campus that has let them in."""
    user = request_user(request)
    if not may_enter(user):
        raise Forbidden("no_role_here", _("You have no role on this campus."))
    return user.email


def _accepts(request: HttpRequest) -> bool:
    return request.POST.get("answer") == "accept"


@never_cache
@require_GET
@portal_page
def invitations(request: HttpRequest) -> HttpResponse:
    """Every campus that invites the person who is signed in, wherever they are signed in."""
    email = _email(request)
    request.session[SEEN] = True
    found = invitations_of(email=email, now=timezone.now())
    return render(request, "portal/shared/invitations.html", {"invitations": found})


@require_POST
@portal_page
def answer(request: HttpRequest) -> HttpResponse:
    """Accept or decline what one campus asks of the person who is signed in."""
    email, now = _email(request), timezone.now()
    found = _from(invitations_of(email=email, now=now), slug=request.POST.get("campus", ""))
    with refusals_told(request):
        invitations_answer(
            email=email,
            campus_id=found.campus_id,
            accept=_accepts(request),
            now=now,
        )
        text = _("You are now a member of %(campus)s.") if _accepts(request) else _("Declined.")
        messages.success(request, text % {"campus": found.campus})
    return redirect("portal:invitations")


def _from(found: Sequence[Invited], *, slug: str) -> Invited:
    for invited in found:
        if invited.slug == slug:
            return invited
    raise NotFound("no_such_invitation", _("There is no such invitation, or it has expired."))


@never_cache
@require_http_methods(["GET", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """The page behind the link in the mail. The reader of that mail owns the account."""
    try:
        invited, email = _mailed(token)
        if request.method == "GET":
            return render(request, "portal/shared/invitation.html", {"invitation": invited})
        invitations_answer(
            email=email,
            campus_id=invited.campus_id,
            accept=_accepts(request),
            now=timezone.now(),
        )
    except Refused as refusal:
        return refuse(request, refusal)
    context = {"invitation": invited, "accepted": _accepts(request)}
    return render(request, "portal/shared/invitation_answered.html", context)


def _mailed(token: str) -> tuple[Invited, str]:
    """What the link of this token is about; raises `NotFound` for forged, old and settled ones."""
    known = read_token(token)
    if known is not None:
        campus_id, email = known
        for invited in invitations_of(email=email, now=timezone.now()):
            if invited.campus_id == campus_id:
                return invited, email
    raise NotFound("no_such_invitation", _("There is no such invitation, or it has expired."))
