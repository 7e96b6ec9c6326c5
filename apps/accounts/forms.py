"""allauth's forms and the inputs of its API, with our limits on guessing codes."""

from typing import Any

from allauth.account.forms import ResetPasswordForm
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.headless.account.inputs import RequestPasswordResetInput
from allauth.headless.mfa.inputs import ActivateTOTPInput, AuthenticateInput, ReauthenticateInput
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.totp.forms import ActivateTOTPForm
from django.http import HttpRequest

from apps.accounts.guesses import CODE, PASSWORD_LINK, guess_or_stop, guess_right
from apps.accounts.password_links import password_link_ask
from apps.common.digits import plain_digits
from apps.common.errors import Refused
from apps.tenants.middleware import refuse


class LimitedCode:
    """Puts our limits before a form that compares a code of `self.user`, digits of every script."""

    cleaned_data: dict[str, Any]

    def clean_code(self) -> str:
        account = self.user.email  # type: ignore[attr-defined]
        self.cleaned_data["code"] = plain_digits(self.cleaned_data["code"])
        guess_or_stop(context.request, secret=CODE, account=account)
        code: str = super().clean_code()  # type: ignore[misc]
        guess_right(context.request, secret=CODE, account=account)
        return code


class LimitedAuthenticateForm(LimitedCode, AuthenticateForm):
    pass


class LimitedReauthenticateForm(LimitedCode, ReauthenticateForm):
    pass


class LimitedActivateForm(LimitedCode, ActivateTOTPForm):
    pass


class LimitedAuthenticateInput(LimitedCode, AuthenticateInput):
    pass


class LimitedReauthenticateInput(LimitedCode, ReauthenticateInput):
    pass


class LimitedActivateInput(LimitedCode, ActivateTOTPInput):
    pass


class AsksForLink:
    """Looks nobody up: known and unknown addresses get the same answer in the same time."""

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"].strip().lower()  # type: ignore[attr-defined]
        return email

    def save(self, request: HttpRequest, **kwargs: Any) -> str:
        email: str = self.cleaned_data["email"]  # type: ignore[attr-defined]
        guess_or_stop(request, secret=PASSWORD_LINK, account=email)
        try:
            password_link_ask(request, email=email)
        except Refused as refusal:
            raise ImmediateHttpResponse(refuse(request, refusal)) from refusal
        return email


class PasswordLinkForm(AsksForLink, ResetPasswordForm):
    pass


class PasswordLinkInput(AsksForLink, RequestPasswordResetInput):
    pass
