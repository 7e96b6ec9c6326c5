"""How the platform is, for those who run it."""

from itertools import groupby
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from apps.accounts.models import Role
from apps.accounts.requests import has_role, request_user
from apps.common.errors import Forbidden
from apps.ops.diagnosis import Look, diagnose, label_of, worst
from apps.portal.shared.pages import portal_page

READERS: Final = frozenset({Role.ADMIN, Role.OPERATOR})


@require_GET
@portal_page
def health(request: HttpRequest) -> HttpResponse:
    """Each check with its state; what exactly, and what to do, for platform administrators only:
    names of machines and disks are not a campus's matter."""
    if not has_role(request, *READERS):
        raise Forbidden("role_required", _("Your role does not allow this."))
    found = diagnose(Look(now=timezone.now()), quick=True)
    rows: list[dict[str, Any]] = []
    for name, group in groupby(found, key=lambda one: one.check):
        lines = list(group)
        rows.append({"label": label_of(name), "level": worst(lines), "lines": lines})
    context = {"rows": rows, "level": worst(found), "shows_all": request_user(request).is_superuser}
    return render(request, "portal/office/health.html", context)
