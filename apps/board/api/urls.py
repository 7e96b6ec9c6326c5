from django.urls import path

from apps.board.api import views

urlpatterns = [
    path("sessions/<int:session_id>/board", views.session_board, name="api-session-board"),
    path(
        "sessions/<int:session_id>/scan-log",
        views.session_scan_log,
        name="api-session-scan-log",
    ),
]
