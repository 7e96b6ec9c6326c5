"""Addresses of reports under /api/v1/."""

from typing import Final

from django.urls import path

from apps.reports.api import views

DESCRIPTIONS: Final = {
    "attendance": "Sessions, attended, late, absent, excused and percentage by student, course, "
    "section, department, lecturer, term or week (the trend). Late counts as attended, excused "
    "sessions do not count.",
    "defaulters": "Students below the limit (75 % unless policy or `threshold` say otherwise; "
    "exactly at it is not below), with what they can still reach. The latest term by default.",
    "consecutive-absences": "Students who missed the newest sessions of a course in a row. The "
    "latest term by default.",
    "statistics": "Students and attendance per section, department or year.",
    "methods": "How marks came to be: method, factors proven, score bands. The latest term by "
    "default.",
    "check-ins": "Every mark with method, factors and score. The latest term by default.",
    "not-taken": "Sessions that nobody opened in time.",
    "signing-sheet": "The names of a course, with room to sign: `format=pdf` to print it.",
}

urlpatterns = [
    *(
        path(f"reports/{name}", views.report_view(name, text), name=f"api-report-{name}")
        for name, text in DESCRIPTIONS.items()
    ),
    path(
        "reports/students/<int:student_id>",
        views.StudentReportView.as_view(),
        name="api-report-student",
    ),
    path("me/attendance", views.OwnAttendanceView.as_view(), name="api-own-attendance"),
    path("reports/exports", views.ExportsView.as_view(), name="api-report-exports"),
    path("reports/exports/<uuid:job_id>", views.ExportView.as_view(), name="api-report-export"),
    path(
        "reports/exports/<uuid:job_id>/file",
        views.ExportFileView.as_view(),
        name="api-report-export-file",
    ),
]
