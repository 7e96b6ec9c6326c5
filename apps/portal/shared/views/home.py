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
    if Role.FACULTY in roles:
        return redirect("portal:today")
    if Role.STUDENT in roles:
        return redirect("portal:my_attendance")
    if request.user.is_superuser or ADMIN_ROLES & roles:
        return redirect("admin:index")
    return render(request, "portal/shared/not_faculty.html", status=403)
