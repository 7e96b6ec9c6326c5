"""The start page, which leads everybody to the own work."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from apps.accounts.models import Role
from apps.accounts.permissions import ADMIN_ROLES, roles_of
from apps.portal.shared.pages import portal_page
from apps.portal.shared.views.invitations import waits_for_an_answer


@require_GET
@portal_page
def home(request: HttpRequest) -> HttpResponse:
    """Everybody's start page: where the own work is, after what somebody else asks of them."""
    if waits_for_an_answer(request):
        return redirect("portal:invitations")
    roles = roles_of(request.user)
    if not {Role.FACULTY, Role.STUDENT} & roles and _works_in_the_administration(request, roles):
        return redirect("admin:index")
    return start(request)


@require_GET
@portal_page
def start(request: HttpRequest) -> HttpResponse:
    """The portal's own start page of each role, also of those who begin in the administration."""
    roles = roles_of(request.user)
    if Role.FACULTY in roles:
        return redirect("portal:today")
    if Role.STUDENT in roles:
        return redirect("portal:student_home")
    if request.user.is_superuser or ADMIN_ROLES & roles:
        return redirect("portal:overview")
    return render(request, "portal/shared/not_faculty.html", status=403)


def _works_in_the_administration(request: HttpRequest, roles: frozenset[str]) -> bool:
    """Principals read: their work is the overview."""
    return request.user.is_superuser or bool({Role.ADMIN, Role.OPERATOR} & roles)
