"""Addresses of consents under /api/v1/."""

from django.urls import path

from apps.privacy.api import views

urlpatterns = [
    path("me/consents", views.ConsentsView.as_view(), name="api-me-consents"),
    path(
        "me/consents/<slug:kind>/withdraw",
        views.WithdrawView.as_view(),
        name="api-me-consent-withdraw",
    ),
]
