"""The portal's addresses: what everybody has, then those of each reader."""

from django.urls import include, path

app_name = "portal"

urlpatterns = [
    path("", include("apps.portal.shared.urls")),
    path("", include("apps.portal.faculty.urls")),
    path("", include("apps.portal.student.urls")),
    path("", include("apps.portal.office.urls")),
]
