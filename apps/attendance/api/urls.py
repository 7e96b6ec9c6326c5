from django.urls import path

from apps.attendance.api import marking_views, not_taken_views, session_views, status_views

urlpatterns = [
    path("sessions", session_views.session_list, name="api-sessions"),
    path("sessions/start", session_views.session_start, name="api-session-start"),
    path("sessions/<int:session_id>", session_views.session_detail, name="api-session"),
    path(
        "sessions/<int:session_id>/open",
        session_views.session_open_view,
        name="api-session-open",
    ),
    path("sessions/<int:session_id>/mark", marking_views.session_mark, name="api-session-mark"),
    path(
        "sessions/<int:session_id>/mark-bulk",
        marking_views.session_mark_bulk,
        name="api-session-mark-bulk",
    ),
    path("sessions/<int:session_id>/undo", marking_views.session_undo, name="api-session-undo"),
    path("sessions/<int:session_id>/take", marking_views.session_take, name="api-session-take"),
    path(
        "sessions/<int:session_id>/history",
        marking_views.session_history,
        name="api-session-history",
    ),
    path("statuses", status_views.statuses, name="api-statuses"),
    path("statuses/<int:status_id>", status_views.status_detail, name="api-status"),
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
    path(
        "registers/not-taken",
        not_taken_views.NotTakenView.as_view(),
        name="api-registers-not-taken",
    ),
]
