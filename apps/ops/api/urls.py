from django.urls import path

from apps.ops.api.views import VersionView

urlpatterns = [path("api/version", VersionView.as_view(), name="api-version")]
