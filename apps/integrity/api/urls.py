from django.urls import path

from apps.integrity.api import views

urlpatterns = [
    path("sessions/<int:session_id>/findings", views.session_findings, name="api-session-findings"),
    path(
        "sessions/<int:session_id>/findings/<int:finding_id>/dismiss",
        views.session_finding_dismiss,
        name="api-session-finding-dismiss",
    ),
    path(
        "sessions/<int:session_id>/rapid-codes",
        views.session_rapid_codes,
        name="api-session-rapid-codes",
    ),
]
