"""Addresses of people under /api/v1/."""

from django.urls import path

from apps.accounts.api import people, views

urlpatterns = [
    path("me", views.MeView.as_view(), name="api-me"),
    path("me/device", views.DeviceView.as_view(), name="api-me-device"),
    path("me/device/challenge", views.ChallengeView.as_view(), name="api-me-device-challenge"),
    path("me/device/rebind", views.RebindView.as_view(), name="api-me-device-rebind"),
    path("students", people.StudentsView.as_view(), name="api-students"),
    path("students/<int:student_id>", people.StudentView.as_view(), name="api-student"),
    path(
        "students/<int:student_id>/activate",
        people.StudentActivateView.as_view(),
        name="api-student-activate",
    ),
    path("faculty", people.FacultyListView.as_view(), name="api-faculty"),
    path("faculty/<int:faculty_id>", people.FacultyView.as_view(), name="api-faculty-member"),
    path(
        "faculty/<int:faculty_id>/activate",
        people.FacultyActivateView.as_view(),
        name="api-faculty-activate",
    ),
    path(
        "students/<int:student_id>/device",
        views.StudentDeviceView.as_view(),
        name="api-student-device",
    ),
    path(
        "students/<int:student_id>/device/reset",
        views.DeviceResetView.as_view(),
        name="api-student-device-reset",
    ),
]
