from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.audit.actors import request_actor
from apps.audit.admin_base import CampusModelAdmin
from apps.biometrics.models import FaceModel
from apps.common.errors import Refused
from apps.face_models.services import reembed_start


class LimitsForm(forms.ModelForm):
    """Margins that are left empty are none."""

    def clean_margins(self) -> list[float]:
        return self.cleaned_data["margins"] or []

    def clean_campus_margins(self) -> list[float]:
        return self.cleaned_data["campus_margins"] or []


@admin.register(FaceModel)
class FaceModelAdmin(CampusModelAdmin):
    """Models are registered by workers; super administrators set limits, and choose the model of
    the campus on whose address they are."""

    list_display = ["name", "version", "dimension", "detector", "threshold", "is_default"]
    search_fields = ["name", "version"]
    readonly_fields = ["name", "version", "dimension", "metric", "detector", "sha256", "is_default"]
    fields = [
        *("name", "version", "dimension", "metric", "detector"),
        *("threshold", "margins", "campus_margins", "sha256", "is_default"),
    ]
    form = LimitsForm
    actions = ["use_on_this_campus"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.action(
        description=_("Go over to this model on this campus: templates are made anew"),
        permissions=["change"],
    )
    def use_on_this_campus(self, request: HttpRequest, queryset: QuerySet[FaceModel]) -> None:
        chosen = list(queryset[:2])
        if len(chosen) != 1:
            messages.error(request, gettext("Choose one model."))
            return
        try:
            reembed_start(
                engine=chosen[0].name,
                user_id=request.user.pk,
                actor=request_actor(request),
                now=timezone.now(),
            )
        except Refused as refused:
            messages.error(request, refused.message)
            return
        messages.success(
            request,
            gettext("Templates are being made anew. The page of jobs says how far it is."),
        )
