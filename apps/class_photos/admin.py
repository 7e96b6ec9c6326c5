"""Reviews of class photos in the administration: how many faces, and until when. No photo."""

from django.contrib import admin
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from apps.audit.admin_base import HistoryAdmin
from apps.class_photos.models import PhotoReview


@admin.register(PhotoReview)
class PhotoReviewAdmin(HistoryAdmin):
    """Lecturers open photos in their review; others under “Stored images”, for a reason."""

    list_display = [
        "started_at",
        "session",
        "photo_count",
        "face_count",
        "confirmed_count",
        "finished_at",
        "delete_after",
    ]
    list_filter = ["started_at", "finished_at", ("session", AutocompleteSelectFilter)]
    list_select_related = ["session__course__subject"]
    search_fields = ["session__course__code"]
