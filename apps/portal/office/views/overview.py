"""The campus at a glance: the start page of principals, and of others of the office."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from apps.accounts.models import Role
from apps.accounts.requests import has_role, request_viewer
from apps.common.errors import Forbidden
from apps.portal.shared.pages import portal_page
from apps.reports.selectors.start import below_limit, departments, today, waiting_requests
from apps.tenants.middleware import request_campus


@require_GET
@portal_page
def overview(request: HttpRequest) -> HttpResponse:
    """Today's sessions, the departments' week, who is below the limit, and what waits."""
    if not request_viewer(request).office:
        raise Forbidden("role_required", _("Your role does not allow this."))
    now, zone = timezone.now(), request_campus(request).zone
    context = {
        "today": today(now=now, zone=zone),
        "departments": departments(now=now, zone=zone),
        "below": below_limit(now=now, zone=zone),
        "waiting": waiting_requests(with_erasures=has_role(request, Role.ADMIN)),
    }
    return render(request, "portal/office/overview.html", context)
