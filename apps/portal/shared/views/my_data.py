"""What the campus keeps of the person who is signed in: to read, to take along, to have erased."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.permissions import may_enter
from apps.audit.actors import request_actor
from apps.common.errors import Forbidden
from apps.portal.shared.pages import check_limit, portal_page, refusals_told
from apps.privacy.registry import KnownPerson
from apps.privacy.selectors import erasure_waiting, kept_for, person_of
from apps.privacy.services import erasure_ask, erasure_withdraw, person_export
from apps.tenants.middleware import request_campus


def _self(request: HttpRequest) -> KnownPerson:
    """Nobody else can be named: the sign-in says who it is, and it must be good on this campus."""
    if not may_enter(request.user):
        raise Forbidden("role_required", _("You have no role on this campus."))
    return person_of(user_id=request.user.pk)


@require_GET
@portal_page
def my_data(request: HttpRequest) -> HttpResponse:
    """How long what is kept, and whether an erasure was asked for."""
    context: dict[str, Any] = {
        "kept": kept_for(),
        "erasure": erasure_waiting(person=_self(request)),
    }
    return render(request, "portal/shared/my_data.html", context)


@require_POST
@portal_page
def export(request: HttpRequest) -> HttpResponse:
    """The ZIP. Not stored anywhere: it is made for this answer."""
    person, now = _self(request), timezone.now()
    check_limit(request, "own_export")
    data = person_export(person=person, own=True, now=now, actor=request_actor(request))
    name = f"{request_campus(request).slug}-{timezone.localdate(now):%Y-%m-%d}.zip"
    return HttpResponse(
        data,
        content_type="application/zip",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
        },
    )


@require_POST
@portal_page
def erase(request: HttpRequest) -> HttpResponse:
    """Ask to be erased. Only who says so twice is meant."""
    if request.POST.get("sure") != "yes":
        messages.error(request, _("Confirm that you want to be erased."))
        return redirect("portal:my_data")
    with refusals_told(request):
        erasure_ask(
            person=_self(request), own=True, now=timezone.now(), actor=request_actor(request)
        )
        messages.success(request, _("You asked to be erased."))
    return redirect("portal:my_data")


@require_POST
@portal_page
def keep(request: HttpRequest) -> HttpResponse:
    """Withdraw the request for erasure."""
    erasure = erasure_waiting(person=_self(request))
    with refusals_told(request):
        if erasure is not None:
            erasure_withdraw(request=erasure, now=timezone.now(), actor=request_actor(request))
            messages.success(request, _("Nothing will be erased."))
    return redirect("portal:my_data")
