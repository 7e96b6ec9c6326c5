"""Signing in: allauth's pages and its API for phones, without what is closed here."""

from typing import Any, NoReturn

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import include, path
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from apps.common.errors import Forbidden
from apps.signin.google import google_callback
from apps.signin.views import PasskeyAddView
from apps.tenants.middleware import refuse


def closed(request: HttpRequest, **kwargs: Any) -> NoReturn:
    """The e-mail address is who a person is here: only the office changes it, and the number."""
    raise Http404


@csrf_exempt
def sign_up(request: HttpRequest) -> HttpResponse:
    """allauth reads the address first, and says which ones are taken, before it says no."""
    return refuse(request, Forbidden("sign_up_closed", _("Accounts are made by the office.")))


urlpatterns = [
    path("_allauth/app/v1/auth/signup", sign_up),
    path("_allauth/app/v1/auth/provider/signup", sign_up),
    path("accounts/email/", closed),
    path("_allauth/app/v1/account/email", closed),
    path("_allauth/app/v1/account/phone", closed),
    path("accounts/google/login/callback/", google_callback, name="google_callback"),
    path("accounts/2fa/webauthn/add/", PasskeyAddView.as_view(), name="mfa_add_webauthn"),
    path("_allauth/app/v1/", include("apps.signin.headless")),
    path("accounts/", include("allauth.urls")),
    path("_allauth/", include("allauth.headless.urls")),
]
