"""Addresses of sign-ins at providers; below `/accounts/`, where a session may be written."""

from django.urls import path

from apps.identity_providers.views import callback, sign_in, signed_out

urlpatterns = [
    path("accounts/provider/<uuid:provider_id>/", sign_in, name="provider_sign_in"),
    path("accounts/provider/<uuid:provider_id>/callback/", callback, name="provider_callback"),
    path(
        "accounts/provider/<uuid:provider_id>/signed-out/", signed_out, name="provider_signed_out"
    ),
]
