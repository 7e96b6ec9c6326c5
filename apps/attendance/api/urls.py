from django.urls import path

from apps.attendance.api import marking_views, session_views, status_views
from apps.checkin.api import offline_views, views, waiting_views
from apps.integrity.api import views
from apps.leave.api import appeal_views, views

urlpatterns = [
    path("check-in/redeem", views.redeem, name="api-redeem"),
    path("check-in", views.check_in_view, name="api-check-in"),
    path("check-in/offline", offline_views.offline_check_in, name="api-check-in-offline"),
    path("check-in/burst", offline_views.burst_code, name="api-check-in-burst"),
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
    path("sessions/<int:session_id>/signs", sign_views.session_signs, name="api-session-signs"),
    path(
        "sessions/<int:session_id>/signs/<int:sign_id>/dismiss",
        sign_views.session_sign_dismiss,
        name="api-session-sign-dismiss",
    ),
    path("sessions/<int:session_id>/burst", sign_views.session_burst, name="api-session-burst"),
    path("courses/<int:course_id>/start-codes", session_views.start_code, name="api-start-code"),
    path("me/leave", leave_views.MyLeaveView.as_view(), name="api-my-leave"),
    path(
        "me/leave/<int:leave_id>/withdraw",
        leave_views.my_leave_withdraw,
        name="api-my-leave-withdraw",
    ),
    path("leave", leave_views.LeaveView.as_view(), name="api-leave"),
    path("leave/<int:leave_id>/decide", leave_views.leave_decide_view, name="api-leave-decide"),
    path(
        "leave/<int:leave_id>/attachment",
        leave_views.leave_attachment,
        name="api-leave-attachment",
    ),
    path("records/<int:record_id>/appeal", appeal_views.record_appeal, name="api-record-appeal"),
    path("me/appeals", appeal_views.MyAppealsView.as_view(), name="api-my-appeals"),
    path(
        "me/appeals/<int:appeal_id>/withdraw",
        appeal_views.my_appeal_withdraw,
        name="api-my-appeal-withdraw",
    ),
    path("appeals", appeal_views.AppealsView.as_view(), name="api-appeals"),
    path(
        "appeals/<int:appeal_id>/decide",
        appeal_views.appeal_decide_view,
        name="api-appeal-decide",
    ),
    path(
        "appeals/<int:appeal_id>/attachment",
        appeal_views.appeal_attachment,
        name="api-appeal-attachment",
    ),
    path("registers/not-taken", leave_views.NotTakenView.as_view(), name="api-registers-not-taken"),
]
