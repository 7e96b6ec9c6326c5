"""Addresses of people under /api/v1/."""

from django.urls import path

from apps.accounts.api import views

urlpatterns = [
    path("me", views.MeView.as_view(), name="api-me"),
    path("me/device", views.DeviceView.as_view(), name="api-me-device"),
    path("me/device/challenge", views.ChallengeView.as_view(), name="api-me-device-challenge"),
    path(
        "students/<int:student_id>/device/reset",
        views.DeviceResetView.as_view(),
        name="api-student-device-reset",
    ),
]
