from django.urls import path

from apps.portal.views import home, session, student, today, week

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
    path("week/", week.week, name="week"),
    path("week/calendar-link", week.calendar_link, name="calendar_link"),
    path("attendance/", student.my_attendance, name="my_attendance"),
]
