"""allauth's forms for second factors, with digits of every script."""

from typing import Any

from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.totp.forms import ActivateTOTPForm

from apps.common.digits import plain_digits


class _PlainCode:
    """Reads `code` as the digits it stands for, before anything is compared or counted."""

    cleaned_data: dict[str, Any]

    def clean_code(self) -> str:
        self.cleaned_data["code"] = plain_digits(self.cleaned_data["code"])
        return super().clean_code()  # type: ignore[misc]


class PlainAuthenticateForm(_PlainCode, AuthenticateForm):
    pass


class PlainReauthenticateForm(_PlainCode, ReauthenticateForm):
    pass


class PlainActivateTOTPForm(_PlainCode, ActivateTOTPForm):
    pass
