"""allauth's forms and the inputs of its API, with our limits on guessing codes and passwords."""

from collections.abc import Callable
from typing import Any

from allauth.account.forms import ChangePasswordForm, ResetPasswordForm
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.headless.account.inputs import ChangePasswordInput, RequestPasswordResetInput
from allauth.headless.mfa.inputs import ActivateTOTPInput, AuthenticateInput, ReauthenticateInput
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.totp.forms import ActivateTOTPForm
from django.http import HttpRequest

from apps.common.digits import plain_digits
from apps.common.errors import Refused
from apps.signin.guesses import CODE, PASSWORD, PASSWORD_LINK, Secret, guess_or_stop, guess_right
from apps.signin.password_links import password_link_ask
from apps.tenants.middleware import refuse


def limited(form: Any, secret: Secret, compare: Callable[[], str]) -> str:
    """What `compare` returns, which raises for a wrong secret of `form.user`; in our limits."""
    guess_or_stop(context.request, secret=secret, account=form.user.email)
    found = compare()
    guess_right(context.request, secret=secret, account=form.user.email)
    return found


class LimitedCode:
    """Puts our limits before a form that compares a code, and reads digits of every script."""

    cleaned_data: dict[str, Any]

    def clean_code(self) -> str:
        self.cleaned_data["code"] = plain_digits(self.cleaned_data["code"])
        return limited(self, CODE, super().clean_code)  # type: ignore[misc]


class LimitedChangeForm(ChangePasswordForm):
    """Guessing the old password here counts as guessing it at sign-in."""

    def clean_oldpassword(self) -> str:
        return limited(self, PASSWORD, super().clean_oldpassword)


class LimitedChangeInput(ChangePasswordInput):
    """The same on phones. Without a password there is none to guess."""

    def clean_current_password(self) -> str:
        if not self.user.has_usable_password():
            return str(super().clean_current_password())
        return limited(self, PASSWORD, super().clean_current_password)


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
