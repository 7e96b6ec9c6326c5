from django.urls import path

from apps.attendance.api import session_views, views

urlpatterns = [
    path("check-in/redeem", views.redeem, name="api-redeem"),
    path("check-in", views.check_in_view, name="api-check-in"),
    path("check-in/attempts/<uuid:attempt_id>", views.attempt_view, name="api-attempt"),
    path("sessions", session_views.session_list, name="api-sessions"),
    path("sessions/start", session_views.session_start, name="api-session-start"),
    path("sessions/<int:session_id>", session_views.session_detail, name="api-session"),
    path(
        "sessions/<int:session_id>/open",
        session_views.session_open_view,
        name="api-session-open",
    ),
    path("sessions/<int:session_id>/board", session_views.session_board, name="api-session-board"),
    path(
        "sessions/<int:session_id>/scan-log",
        session_views.session_scan_log,
        name="api-session-scan-log",
    ),
    path("sessions/<int:session_id>/mark", session_views.session_mark, name="api-session-mark"),
    path(
        "sessions/<int:session_id>/one-time-code",
        session_views.session_one_time_code,
        name="api-session-code",
    ),
    path(
        "sessions/<int:session_id>/complete",
        session_views.session_complete_view,
        name="api-session-complete",
    ),
    path(
        "sessions/<int:session_id>/cancel",
        session_views.session_cancel_view,
        name="api-session-cancel",
    ),
    path("courses/<int:course_id>/start-codes", session_views.start_code, name="api-start-code"),
]
