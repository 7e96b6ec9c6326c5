"""Reviews of class photos in the administration: how many faces, and until when. No photo."""

from django.contrib import admin
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from apps.audit.admin_base import HistoryAdmin
from apps.class_photos.models import ClassPhoto, PhotoFace, PhotoReview


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


@admin.register(ClassPhoto)
class ClassPhotoAdmin(HistoryAdmin):
    """Photos under review, and why one could not be searched."""

    list_display = ["added_at", "review", "number", "status", "problem", "actor_label"]
    list_filter = ["status", "problem", "added_at"]
    list_select_related = ["review"]
    fields = [("review", "number"), ("status", "problem", "starts"), ("added_at", "actor_label")]


@admin.register(PhotoFace)
class PhotoFaceAdmin(HistoryAdmin):
    """Faces in photos under review. Whose they seem to be is for the lecturer of the class."""

    list_display = ["photo", "number", "meaning"]
    list_filter = ["meaning"]
    list_select_related = ["photo"]
    fields = [("photo", "number"), ("left", "top", "width", "height"), "meaning"]
