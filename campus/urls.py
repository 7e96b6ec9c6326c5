"""Addresses of the platform."""

from importlib import import_module

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularSwaggerView

from apps.common.description import DescriptionView

handler400 = "apps.common.error_views.bad_request"
handler404 = "apps.common.error_views.page_not_found"
handler500 = "apps.common.error_views.server_error"

# The busiest first, and in one list: Django tries, and remembers, every address before the right
# one, and includes inside includes make that dearer than the views of some (bench/reports).
API_OF = (
    "lane",
    "checkin",
    "board",
    "attendance",
    "class_photos",
    "cameras",
    "terminals",
    "integrity",
    "leave",
    "reports",
    "accounts",
    "signin",
    "timetable",
    "notifications",
    "enrollments",
    "classrooms",
    "biometrics",
    "announcements",
    "imports",
    "privacy",
)
admin.autodiscover()
api = [url for app in API_OF for url in import_module(f"apps.{app}.api.urls").urlpatterns]

urlpatterns = [
    path("api/v1/", include(api)),
    path("", include("apps.ops.api.urls")),
    path("admin/", admin.site.urls),
    path("", include("apps.ops.urls")),
    path("", include("apps.identity_providers.urls")),
    path("", include("apps.signin.urls")),
    path("", include("apps.timetable.urls")),
    path("", include("apps.lti.urls")),
    path("", include("apps.oneroster.api.urls")),
    path("", include("apps.terminals.urls")),
    path("api/schema/", DescriptionView.as_view(), name="api-schema"),
    path("", include("apps.portal.urls")),
    path(
        "api/docs/",
        SpectacularSwaggerView.as_view(url_name="api-schema", template_name="api_docs.html"),
        name="api-docs",
    ),
]
