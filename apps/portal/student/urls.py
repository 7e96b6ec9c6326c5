from django.urls import path

from apps.portal.student.views import (
    announcements,
    attendance,
    check_in,
    consents,
    devices,
    faces,
    home,
    leave,
    scan,
    web_app,
)

urlpatterns = [
    # Before the links, which have any text in this place.
    path("c/scan", scan.scan, name="scan"),
    path("c/state", scan.scan_state, name="scan_state"),
    # As the QR code writes it, in upper case, and as people type it.
    path("C/<str:token>", check_in.link),
    path("c/<str:token>", check_in.link, name="check_in_link"),
    path("C", check_in.typed),
    path("c", check_in.typed, name="check_in"),
    path("home/", home.home, name="student_home"),
    path("more/", home.more, name="more"),
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
    path("devices/", devices.devices, name="devices"),
    path("devices/replace", devices.replace, name="device_replace"),
    path("devices/lost", devices.lost, name="device_lost"),
    path("devices/sign-out", devices.sign_out, name="devices_sign_out"),
    path("devices/sign-out/<int:sign_in_id>", devices.sign_out, name="device_sign_out"),
    path("consents/", consents.consents, name="consents"),
    path("consents/<slug:kind>/give", consents.give, name="consent_give"),
    path("consents/<slug:kind>/withdraw", consents.withdraw, name="consent_withdraw"),
    path("face/", faces.face, name="face"),
    path("face/<int:sample_id>/remove", faces.remove, name="face_remove"),
    path("class/", announcements.announcements, name="announcements"),
    path("class/write", announcements.write, name="announcement_write"),
    path("manifest.webmanifest", web_app.manifest, name="manifest"),
]
