from django.urls import path

from apps.portal.views import (
    home,
    leave,
    messages,
    register,
    reports,
    requests,
    session,
    student,
    today,
    week,
)

app_name = "portal"

urlpatterns = [
    path("", home.home, name="home"),
    path("teach/", today.today, name="today"),
    path("teach/start", today.session_start_unscheduled, name="session_start_unscheduled"),
    path("teach/sessions/<int:session_id>/", session.session_page, name="session"),
    path("teach/sessions/<int:session_id>/start", today.session_start, name="session_start"),
    path("teach/sessions/<int:session_id>/projector", session.projector, name="projector"),
    path("teach/sessions/<int:session_id>/board", session.board, name="board"),
    path("teach/sessions/<int:session_id>/mark", session.session_mark, name="session_mark"),
    path("teach/sessions/<int:session_id>/code", session.session_code, name="session_code"),
    path(
        "teach/sessions/<int:session_id>/complete",
        session.session_complete,
        name="session_complete",
    ),
    path("teach/sessions/<int:session_id>/history", register.history, name="session_history"),
    path("teach/sessions/<int:session_id>/undo", register.undo, name="session_undo"),
    path("teach/sessions/<int:session_id>/signs", register.signs, name="session_signs"),
    path(
        "teach/sessions/<int:session_id>/signs/<int:sign_id>",
        register.sign_put_away,
        name="session_sign",
    ),
    path("teach/sessions/<int:session_id>/burst", register.burst, name="session_burst"),
    path("teach/sessions/<int:session_id>/off", requests.did_not_happen, name="session_off"),
    path("requests/", requests.requests, name="requests"),
    path("requests/leave/<int:leave_id>", requests.leave, name="leave_decide"),
    path("requests/appeals/<int:appeal_id>", requests.appeal, name="appeal_decide"),
    path("registers/not-taken/", requests.not_taken, name="not_taken"),
    path("reports/", reports.reports, name="reports"),
    path("week/", week.week, name="week"),
    path("week/calendar-link", week.calendar_link, name="calendar_link"),
    path("attendance/", student.my_attendance, name="my_attendance"),
    path("attendance/<int:record_id>/appeal", leave.appeal_ask, name="appeal_ask"),
    path(
        "attendance/appeals/<int:appeal_id>/withdraw",
        leave.appeal_take_back,
        name="appeal_take_back",
    ),
    path("leave/", leave.my_leave, name="my_leave"),
    path("leave/ask", leave.leave_ask, name="leave_ask"),
    path("leave/<int:leave_id>/withdraw", leave.leave_take_back, name="leave_take_back"),
    path("messages/", messages.inbox, name="messages"),
    path("messages/read", messages.read, name="messages_read"),
    path("messages/preferences", messages.preferences, name="messages_preferences"),
    path("sw.js", messages.service_worker, name="service_worker"),
]
