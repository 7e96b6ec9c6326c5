"""Addresses of faces under /api/v1/."""

from django.urls import path

from apps.biometrics.api import views

urlpatterns = [
    path("me/face-samples", views.MySamplesView.as_view(), name="api-me-face-samples"),
    path(
        "me/face-samples/<int:sample_id>", views.MySampleView.as_view(), name="api-me-face-sample"
    ),
    path(
        "students/<int:student_id>/face-samples",
        views.StudentSamplesView.as_view(),
        name="api-student-face-samples",
    ),
    path(
        "face-verifications/metrics",
        views.MetricsView.as_view(),
        name="api-face-verification-metrics",
    ),
]
