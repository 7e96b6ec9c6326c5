from django.urls import path

from apps.portal import views

app_name = "portal"

urlpatterns = [
    path("", views.home, name="home"),
    path("teach/", views.today, name="today"),
    path("teach/start", views.session_start_unscheduled, name="session_start_unscheduled"),
    path("teach/sessions/<int:session_id>/", views.session_page, name="session"),
    path("teach/sessions/<int:session_id>/start", views.session_start, name="session_start"),
    path("teach/sessions/<int:session_id>/projector", views.projector, name="projector"),
    path("teach/sessions/<int:session_id>/board", views.board, name="board"),
    path("teach/sessions/<int:session_id>/mark", views.session_mark, name="session_mark"),
    path("teach/sessions/<int:session_id>/code", views.session_code, name="session_code"),
    path(
        "teach/sessions/<int:session_id>/complete", views.session_complete, name="session_complete"
    ),
    path("attendance/", views.my_attendance, name="my_attendance"),
]
