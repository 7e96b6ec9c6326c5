"""Registers that nobody took."""

from typing import Final

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from apps.accounts.requests import request_staff_viewer
from apps.attendance.selectors.not_taken import registers_not_taken_seen
from apps.portal.shared.pages import portal_page

NOT_TAKEN_PAGE: Final = 50


@require_GET
@portal_page
def not_taken(request: HttpRequest) -> HttpResponse:
    """Sessions that nobody opened in time: the lecturer's own, for the office everybody's."""
    viewer = request_staff_viewer(request)
    rows = registers_not_taken_seen(viewer=viewer, now=timezone.now())
    page = Paginator(rows, NOT_TAKEN_PAGE).get_page(request.GET.get("page"))
    return render(request, "portal/office/not_taken.html", {"page_obj": page, "viewer": viewer})
