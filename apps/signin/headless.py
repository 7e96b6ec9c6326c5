"""The addresses of allauth's API for phones whose inputs are ours."""

from typing import Any

from allauth.account.internal.flows.reauthentication import raise_if_reauthentication_required
from allauth.headless.account.views import ChangePasswordView, RequestPasswordResetView
from allauth.headless.constants import Client
from allauth.headless.mfa import response
from allauth.headless.mfa.inputs import DeleteWebAuthnInput, UpdateWebAuthnInput
from allauth.headless.mfa.views import (
    AuthenticateView,
    AuthenticateWebAuthnView,
    LoginWebAuthnView,
    ManageTOTPView,
    ManageWebAuthnView,
    ReauthenticateView,
    ReauthenticateWebAuthnView,
)
from allauth.mfa.webauthn.internal import flows
from django.http import HttpRequest, HttpResponse
from django.urls import path

from apps.signin.forms import (
    LimitedActivateInput,
    LimitedAuthenticateInput,
    LimitedChangeInput,
    LimitedReauthenticateInput,
    PasskeyAddInput,
    PasskeyCodeInput,
    PasskeyLoginInput,
    PasskeyReauthenticateInput,
    PasswordLinkInput,
)
from apps.signin.mfa import passkey_add


class LimitedAuthenticateView(AuthenticateView):
    input_class = LimitedAuthenticateInput


class LimitedReauthenticateView(ReauthenticateView):
    input_class = LimitedReauthenticateInput


class LimitedTOTPView(ManageTOTPView):
    input_class = {"POST": LimitedActivateInput}


class LimitedChangeView(ChangePasswordView):
    input_class = LimitedChangeInput


class PasswordLinkView(RequestPasswordResetView):
    input_class = PasswordLinkInput


class PasskeyLoginView(LoginWebAuthnView):
    input_class = {"POST": PasskeyLoginInput}


class PasskeyCodeView(AuthenticateWebAuthnView):
    input_class = {"POST": PasskeyCodeInput}


class PasskeyReauthenticateView(ReauthenticateWebAuthnView):
    input_class = {"POST": PasskeyReauthenticateInput}


class PasskeysView(ManageWebAuthnView):
    input_class = {
        "POST": PasskeyAddInput,
        "PUT": UpdateWebAuthnInput,
        "DELETE": DeleteWebAuthnInput,
    }

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        options = flows.begin_registration(request, request.user, passwordless=True)
        return response.AddWebAuthnResponse(request, options)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        raise_if_reauthentication_required(request, app="allauth.mfa")
        added = passkey_add(request, self.input.passkey)
        return response.AuthenticatorResponse(request, added)


urlpatterns = [
    path(route, view.as_api_view(client=Client.APP), name="app-" + name)
    for route, name, view in (
        ("auth/password/request", "password-link", PasswordLinkView),
        ("account/password/change", "password", LimitedChangeView),
        ("auth/2fa/authenticate", "code", LimitedAuthenticateView),
        ("auth/2fa/reauthenticate", "code-again", LimitedReauthenticateView),
        ("account/authenticators/totp", "authenticator-app", LimitedTOTPView),
        ("auth/webauthn/login", "passkey-login", PasskeyLoginView),
        ("auth/webauthn/authenticate", "passkey-code", PasskeyCodeView),
        ("auth/webauthn/reauthenticate", "passkey-again", PasskeyReauthenticateView),
        ("account/authenticators/webauthn", "passkeys", PasskeysView),
    )
]
