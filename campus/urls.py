"""Addresses of the platform."""

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

handler400 = "apps.common.error_views.bad_request"
handler404 = "apps.common.error_views.page_not_found"
handler500 = "apps.common.error_views.server_error"

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("apps.ops.urls")),
    path("", include("apps.accounts.urls")),
    path("api/v1/", include("apps.accounts.api.urls")),
    path("api/v1/", include("apps.classrooms.api.urls")),
    path("api/v1/", include("apps.enrollments.api.urls")),
    path("api/v1/", include("apps.notifications.api.urls")),
    path("api/v1/", include("apps.privacy.api.urls")),
    path("api/v1/", include("apps.biometrics.api.urls")),
    path("api/v1/", include("apps.attendance.api.urls")),
    path("api/v1/", include("apps.timetable.api.urls")),
    path("", include("apps.timetable.urls")),
    path("api/v1/", include("apps.announcements.api.urls")),
    path("api/v1/", include("apps.imports.api.urls")),
    path("api/v1/", include("apps.reports.api.urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("", include("apps.portal.urls")),
    path(
        "api/docs/",
        SpectacularSwaggerView.as_view(url_name="api-schema", template_name="api_docs.html"),
        name="api-docs",
    ),
]
