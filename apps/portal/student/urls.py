from django.urls import path

from apps.portal.student.views import attendance, leave

urlpatterns = [
    path("attendance/", attendance.my_attendance, name="my_attendance"),
    path("attendance/<int:record_id>/appeal", leave.appeal_ask, name="appeal_ask"),
    path(
        "attendance/appeals/<int:appeal_id>/withdraw",
        leave.appeal_take_back,
        name="appeal_take_back",
    ),
    path("leave/", leave.my_leave, name="my_leave"),
    path("leave/ask", leave.leave_ask, name="leave_ask"),
    path("leave/<int:leave_id>/withdraw", leave.leave_take_back, name="leave_take_back"),
]
