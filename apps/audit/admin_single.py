"""Tables of the administration that have one row for each campus."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from apps.audit.admin_base import CampusModelAdmin
from apps.tenants.scope import entered_campus_id


class SingleRowAdmin(CampusModelAdmin):
    """The form of a second row leads to the first: whether one may be added is asked on every page
    of the administration, and may not cost a statement there."""

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        entered = entered_campus_id() is not None
        known = self.model._default_manager.first() if entered else None
        if known is not None and self.has_view_permission(request, known):
            return redirect(self._page("change", known.pk))
        return super().add_view(request, form_url, extra_context)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        context["show_save_and_add_another"] = False
        return super().render_change_form(request, context, *args, **kwargs)
