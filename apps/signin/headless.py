"""The addresses of allauth's API for phones whose inputs are ours."""

from allauth.headless.account.views import ChangePasswordView, RequestPasswordResetView
from allauth.headless.constants import Client
from allauth.headless.mfa.views import AuthenticateView, ManageTOTPView, ReauthenticateView
from django.urls import path

from apps.signin.forms import (
    LimitedActivateInput,
    LimitedAuthenticateInput,
    LimitedChangeInput,
    LimitedReauthenticateInput,
    PasswordLinkInput,
)


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


urlpatterns = [
    path(route, view.as_api_view(client=Client.APP))
    for route, view in (
        ("auth/password/request", PasswordLinkView),
        ("account/password/change", LimitedChangeView),
        ("auth/2fa/authenticate", LimitedAuthenticateView),
        ("auth/2fa/reauthenticate", LimitedReauthenticateView),
        ("account/authenticators/totp", LimitedTOTPView),
    )
]
