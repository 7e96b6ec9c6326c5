from django.urls import path

from apps.portal.office.views import health, overview, registers, reports, requests

urlpatterns = [
    path("overview/", overview.overview, name="overview"),
    path("requests/", requests.requests, name="requests"),
    path("requests/leave/<int:leave_id>", requests.leave, name="leave_decide"),
    path("requests/appeals/<int:appeal_id>", requests.appeal, name="appeal_decide"),
    path("health/", health.health, name="health"),
    path("registers/not-taken/", registers.not_taken, name="not_taken"),
    path("reports/", reports.reports, name="reports"),
    path("reports/chart", reports.chart, name="report_chart"),
    path("reports/students/<int:student_id>/", reports.student, name="report_student"),
    path("reports/export", reports.export, name="report_export"),
    path("reports/exports", reports.exports, name="report_exports"),
    path("reports/archive", reports.archive, name="term_archive"),
]
