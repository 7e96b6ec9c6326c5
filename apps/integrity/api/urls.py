from django.urls import path

from apps.integrity.api import views

urlpatterns = [
    path("sessions/<int:session_id>/signs", views.session_signs, name="api-session-signs"),
    path(
        "sessions/<int:session_id>/signs/<int:sign_id>/dismiss",
        views.session_sign_dismiss,
        name="api-session-sign-dismiss",
    ),
    path("sessions/<int:session_id>/burst", views.session_burst, name="api-session-burst"),
]
