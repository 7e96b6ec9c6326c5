from django.urls import path

from apps.checkin.api import code_views, offline_views, rapid_code_views, views, waiting_views

urlpatterns = [
    path("check-in/offline", offline_views.offline_check_in, name="api-check-in-offline"),
    path("check-in/rapid-code", rapid_code_views.rapid_code, name="api-check-in-rapid-code"),
    path("check-in/attempts/<uuid:attempt_id>", views.attempt_view, name="api-attempt"),
    path(
        "sessions/<int:session_id>/one-time-code",
        code_views.session_one_time_code,
        name="api-session-code",
    ),
    path(
        "sessions/<int:session_id>/waiting",
        waiting_views.session_waiting,
        name="api-session-waiting",
    ),
    path(
        "sessions/<int:session_id>/waiting/decide",
        waiting_views.session_waiting_decide,
        name="api-session-waiting-decide",
    ),
]
