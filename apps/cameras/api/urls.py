from django.urls import path

from apps.cameras.api import views

urlpatterns = [
    path("cameras/events", views.events, name="api-camera-events"),
    path("cameras/frames", views.frames, name="api-camera-frames"),
    path(
        "sessions/<int:session_id>/camera-marks/undo",
        views.undo_marks,
        name="api-camera-marks-undo",
    ),
]
