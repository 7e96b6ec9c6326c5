from django.contrib import admin
from unfold.admin import ModelAdmin

from apps.audit.admin_base import CampusModelAdmin, HistoryAdmin
from apps.biometrics.models import (
    CampusThreshold,
    FaceModel,
    FaceSample,
    FaceTemplate,
    FaceVerification,
    StoredImage,
    TemplateKey,
)


@admin.register(FaceModel)
class FaceModelAdmin(ModelAdmin):
    """Models are registered by `fetch_models`; super administrators see them."""

    list_display = ["name", "version", "dimension", "metric", "threshold", "is_default"]
    readonly_fields = ["name", "version", "dimension", "metric", "sha256"]
    fields = ["name", "version", "dimension", "metric", "threshold", "sha256", "is_default"]


@admin.register(FaceSample)
class FaceSampleAdmin(HistoryAdmin):
    list_display = ["student", "status", "reason", "created_at", "judged_at"]
    list_filter = ["status", "reason"]
    list_select_related = ["student"]
    search_fields = ["student__code", "student__full_name"]
    fields = ["student", "consent", "status", "reason", "quality", "created_at", "judged_at"]


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
    list_display = ["at", "student", "decision", "reason", "distance", "threshold", "latency_ms"]
    list_filter = ["decision", "reason", "at"]
    list_select_related = ["student", "model"]
    search_fields = ["student__code", "student__full_name", "reference"]


@admin.register(StoredImage)
class StoredImageAdmin(HistoryAdmin):
    """What is stored and how long; the images themselves are opened nowhere here."""

    list_display = ["key", "size", "stored_at", "delete_after"]
    list_filter = ["stored_at", "delete_after"]
    search_fields = ["sha256"]


@admin.register(CampusThreshold)
class CampusThresholdAdmin(CampusModelAdmin):
    list_display = ["model", "threshold"]
    list_select_related = ["model"]


@admin.register(TemplateKey)
class TemplateKeyAdmin(HistoryAdmin):
    """Keys are re-issued with `manage.py reissue_template_key`."""

    list_display = ["generation", "issued_at"]
