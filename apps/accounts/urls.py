"""Signing in: allauth's pages and its API for phones, without what is closed here."""

from typing import Any, NoReturn

from django.http import Http404, HttpRequest
from django.urls import include, path

from apps.accounts.google import google_callback


def closed(request: HttpRequest, **kwargs: Any) -> NoReturn:
    """The e-mail address is who a person is here: only the office changes it."""
    raise Http404


urlpatterns = [
    path("accounts/email/", closed),
    path("_allauth/app/v1/account/email", closed),
    path("accounts/google/login/callback/", google_callback, name="google_callback"),
    path("_allauth/app/v1/", include("apps.accounts.headless")),
    path("accounts/", include("allauth.urls")),
    path("_allauth/", include("allauth.headless.urls")),
]
