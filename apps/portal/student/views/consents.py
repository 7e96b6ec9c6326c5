"""What the student agreed to, and what ends when they withdraw."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.requests import request_student
from apps.audit.actors import request_actor
from apps.common.errors import Refused
from apps.portal.shared.pages import portal_page
from apps.privacy.models import Consent
from apps.privacy.selectors import active_consents, is_up_to_date, kept_for, wording_of
from apps.privacy.services import consent_give, consent_withdraw
from apps.privacy.wording import WORDINGS
from apps.tenants.middleware import request_campus


def _row(kind: str, held: Consent | None, *, is_used: bool) -> dict[str, Any]:
    wording = wording_of(kind=kind)
    return {
        "kind": kind,
        "name": Consent.Kind(kind).label,
        "wording": wording,
        "held": held,
        "is_current": is_up_to_date(held, wording),
        "is_used": is_used,
    }


@require_GET
@portal_page
def consents(request: HttpRequest) -> HttpResponse:
    """Each consent with its wording, whether and since when it is given."""
    held = active_consents(student=request_student(request))
    used = {Consent.Kind.FACE: request_campus(request).face_enabled}
    rows = [_row(kind, held.get(kind), is_used=used.get(kind, True)) for kind in WORDINGS]  # type: ignore[call-overload]
    return render(request, "portal/student/consents.html", {"consents": rows, "kept": kept_for()})


@require_POST
@portal_page
def give(request: HttpRequest, kind: str) -> HttpResponse:
    """Agree to the wording that was shown."""
    student = request_student(request)
    try:
        consent_give(
            student=student,
            kind=kind,
            version=request.POST.get("version", ""),
            now=timezone.now(),
            actor=request_actor(request),
        )
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect("portal:consents")
    messages.success(request, _("You agreed. You can withdraw at any time."))
    return redirect("portal:face" if kind == Consent.Kind.FACE else "portal:consents")


@require_POST
@portal_page
def withdraw(request: HttpRequest, kind: str) -> HttpResponse:
    """End a consent; what rested on it is erased at once."""
    student = request_student(request)
    try:
        erased = consent_withdraw(
            student=student,
            kind=kind,
            now=timezone.now(),
            actor=request_actor(request),
        )
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect("portal:consents")
    message = ngettext(
        "Withdrawn. %(number)d item was erased.",
        "Withdrawn. %(number)d items were erased.",
        erased,
    )
    messages.success(request, message % {"number": erased})
    return redirect("portal:consents")
