from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminTextInputWidget

from apps.audit.actors import request_actor
from apps.audit.admin_base import CampusModelAdmin, HistoryAdmin
from apps.audit.services import Actor
from apps.biometrics.images import ImageRefused, Photo, read_photo
from apps.biometrics.models import (
    CampusThreshold,
    FaceSample,
    FaceTemplate,
    FaceVerification,
    StoredImage,
    TemplateKey,
)
from apps.biometrics.selectors import image_refused, open_image
from apps.biometrics.services import sample_add
from apps.common.errors import Refused
from apps.tenants.storage import told


class SampleForm(forms.ModelForm):
    """A photo of a student who agreed; a worker judges it."""

    photo = forms.FileField(
        label=_("Photo"),
        widget=UnfoldAdminFileFieldWidget,
        help_text=_("JPEG, HEIC, PNG or WebP with exactly one face. The student must have agreed."),
    )

    class Meta:
        model = FaceSample
        fields = ["student"]

    def clean_photo(self) -> Photo:
        try:
            return read_photo(self.cleaned_data["photo"].read())
        except ImageRefused as refused:
            why = {"why": refused.reason.value}
            raise forms.ValidationError(
                gettext("This photo cannot be used (%(why)s).") % why
            ) from None


@admin.register(FaceSample)
class FaceSampleAdmin(HistoryAdmin):
    """Photos are added for students who consented, and looked at nowhere."""

    list_display = ["student", "state", "reason", "created_at", "judged_at"]
    list_filter = ["status", "reason"]
    list_select_related = ["student"]
    search_fields = ["student__code", "student__full_name"]
    autocomplete_fields = ["student"]
    fields = ["student", "consent", "status", "reason", "quality", "created_at", "judged_at"]

    @display(
        description=_("status"),
        ordering="status",
        label={"pending": "info", "accepted": "success", "refused": "danger"},
    )
    def state(self, sample: FaceSample) -> tuple[str, str]:
        return sample.status, sample.get_status_display()

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return request.user.has_perm("biometrics.add_facesample")

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        if obj is None:
            kwargs["form"] = SampleForm
        return super().get_form(request, obj, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj else ["student", "photo"]

    def save_model(self, request: HttpRequest, obj: FaceSample, form: Any, change: bool) -> None:
        sample = sample_add(
            student=form.cleaned_data["student"],
            data=form.cleaned_data["photo"].jpeg(),
            actor=request_actor(request),
            now=timezone.now(),
        )
        obj.pk, obj._state.adding = sample.pk, False

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """The service has written it."""


@admin.register(FaceTemplate)
class FaceTemplateAdmin(HistoryAdmin):
    """That a template exists. Its vector is never shown."""

    list_display = ["student", "model", "key_generation", "created_at"]
    list_filter = ["model", "key_generation"]
    list_select_related = ["student", "model"]
    search_fields = ["student__code", "student__full_name"]
    fields = ["student", "sample", "model", "key_generation", "created_at"]


@admin.register(FaceVerification)
class FaceVerificationAdmin(HistoryAdmin):
    list_display = ["at", "student", "decided", "reason", "distance", "threshold", "latency_ms"]
    list_filter = ["decision", "reason", "at"]
    list_select_related = ["student", "model"]
    search_fields = ["student__code", "student__full_name", "reference"]

    @display(
        description=_("decision"),
        ordering="decision",
        label={"matched": "success", "not_matched": "danger", "undecided": "warning"},
    )
    def decided(self, verification: FaceVerification) -> tuple[str, str]:
        return verification.decision, verification.get_decision_display()


class LookForm(forms.Form):
    """Why somebody looks at a photo."""

    reason = forms.CharField(
        label=_("Reason"), min_length=10, max_length=300, widget=UnfoldAdminTextInputWidget
    )


@admin.register(StoredImage)
class StoredImageAdmin(HistoryAdmin):
    """What is stored and how long. Administrators look at a photo for a reason they give."""

    list_display = ["key", "size", "stored_at", "delete_after"]
    list_filter = ["stored_at", "delete_after"]
    search_fields = ["sha256"]
    readonly_fields = ["photo"]
    fields = ["key", "sha256", "size", "stored_at", "delete_after", "photo"]

    @display(description=_("photo"))
    def photo(self, image: StoredImage) -> str:
        page = reverse("admin:biometrics_storedimage_look", args=[image.pk])
        return format_html('<a href="{}">{}</a>', page, gettext("Look at the photo"))

    def get_urls(self) -> list[Any]:
        look = self.admin_site.admin_view(self.look_view)
        return [
            path("<uuid:pk>/look/", look, name="biometrics_storedimage_look"),
            *super().get_urls(),
        ]

    def look_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Asks for the reason, then shows the photo with the name of who looks across it."""
        image = self.get_object(request, str(pk))
        if image is None:
            raise Http404
        actor, now = request_actor(request), timezone.now()
        if not request.user.has_perm("biometrics.change_storedimage"):
            image_refused(image, actor=actor, now=now)
            raise PermissionDenied
        form = LookForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            return self._photo(image, form.cleaned_data["reason"], actor, now)
        context = {**self.admin_site.each_context(request), "title": image, "form": form}
        return TemplateResponse(request, "admin/biometrics/open_image.html", context)

    def _photo(self, image: StoredImage, reason: str, actor: Actor, now: datetime) -> HttpResponse:
        try:
            with told(gettext("The photo cannot be read right now.")):
                data = open_image(image, reason=reason, actor=actor, now=now)
        except Refused as refusal:
            return HttpResponse(refusal.message, status=refusal.status)
        headers = {"Cache-Control": "no-store"}
        return HttpResponse(data, content_type="image/jpeg", headers=headers)


@admin.register(CampusThreshold)
class CampusThresholdAdmin(CampusModelAdmin):
    list_display = ["model", "threshold"]
    list_select_related = ["model"]


@admin.register(TemplateKey)
class TemplateKeyAdmin(HistoryAdmin):
    """Keys are re-issued with `manage.py reissue_template_key`, models changed with `reembed`."""

    list_display = ["generation", "model", "issued_at"]
    list_select_related = ["model"]
