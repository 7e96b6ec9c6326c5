from django.urls import path

from apps.portal.student.views import attendance, leave

urlpatterns = [
    path("attendance/", attendance.my_attendance, name="my_attendance"),
    path("attendance/<int:record_id>/appeal", leave.appeal_create, name="appeal_create"),
    path(
        "attendance/appeals/<int:appeal_id>/withdraw",
        leave.appeal_withdraw,
        name="appeal_withdraw",
    ),
    path("leave/", leave.my_leave, name="my_leave"),
    path("leave/ask", leave.leave_create, name="leave_create"),
    path("leave/<int:leave_id>/withdraw", leave.leave_withdraw, name="leave_withdraw"),
]
