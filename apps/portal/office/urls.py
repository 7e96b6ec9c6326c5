from django.urls import path

from apps.portal.office.views import registers, reports, requests

urlpatterns = [
    path("requests/", requests.requests, name="requests"),
    path("requests/leave/<int:leave_id>", requests.leave, name="leave_decide"),
    path("requests/appeals/<int:appeal_id>", requests.appeal, name="appeal_decide"),
    path("registers/not-taken/", registers.not_taken, name="not_taken"),
    path("reports/", reports.reports, name="reports"),
    path("reports/export", reports.export, name="report_export"),
    path("reports/exports", reports.exports, name="report_exports"),
]
