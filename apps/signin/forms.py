"""allauth's forms and the inputs of its API, with our limits on guessing codes and passwords."""

import struct
from collections.abc import Callable
from typing import Any, Final

from allauth.account.forms import ChangePasswordForm, ResetPasswordForm
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.core.internal.cryptokit import normalize_user_code
from allauth.headless.account.inputs import ChangePasswordInput, RequestPasswordResetInput
from allauth.headless.internal.restkit import inputs
from allauth.headless.mfa.inputs import ActivateTOTPInput, AuthenticateInput, ReauthenticateInput
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.webauthn.forms import (
    AuthenticateWebAuthnForm,
    EditWebAuthnForm,
    LoginWebAuthnForm,
    ReauthenticateWebAuthnForm,
    SignupWebAuthnForm,
)
from allauth.mfa.webauthn.internal.auth import (
    parse_authentication_response,
    parse_registration_response,
)
from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.models import User
from apps.common.digits import plain_digits
from apps.common.errors import Refused
from apps.signin.assertions import ADDS, BACKUP_ELIGIBLE, SIGNS, page_problem
from apps.signin.guesses import CODE, PASSWORD, PASSWORD_LINK, Secret, guess_or_stop, guess_right
from apps.signin.mfa import code_spend
from apps.signin.passkeys import LONGEST_NAME, MOST, NewPasskey, is_known
from apps.signin.password_links import password_link_ask
from apps.tenants.addresses import asked_host
from apps.tenants.middleware import refuse

TOTP: Final = Authenticator.Type.TOTP


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
        self.cleaned_data["code"] = normalize_user_code(plain_digits(self.cleaned_data["code"]))
        return limited(self, CODE, self.compare)

    def compare(self) -> str:
        code: str = super().clean_code()  # type: ignore[misc]
        factor = getattr(self, "authenticator", None)
        if factor is not None and factor.type == TOTP and not code_spend(factor, code):
            raise get_adapter().validation_error("incorrect_code")
        return code


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


class OneApp:
    """Another authenticator app is set up once the one before was removed, which asks for it."""

    user: Any

    def clean(self) -> dict[str, Any]:
        if Authenticator.objects.filter(user=self.user, type=TOTP).exists():
            raise forms.ValidationError(
                _("You have an authenticator app already. Remove it first."), "already_set_up"
            )
        cleaned: dict[str, Any] = super().clean()  # type: ignore[misc]
        return cleaned


class LimitedActivateForm(OneApp, LimitedCode, ActivateTOTPForm):
    pass


class LimitedAuthenticateInput(LimitedCode, AuthenticateInput):
    pass


class LimitedReauthenticateInput(LimitedCode, ReauthenticateInput):
    pass


class LimitedActivateInput(OneApp, LimitedCode, ActivateTOTPInput):
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


# What the library lets through of an answer that is no answer of a browser.
UNREADABLE: Final = (TypeError, ValueError, KeyError, IndexError, AttributeError, struct.error)
LONGEST_CREDENTIAL: Final = 16_000  # characters of JSON; a browser sends about 1,000


def bad_passkey() -> forms.ValidationError:
    return forms.ValidationError(_("This passkey was not accepted."), "bad_passkey")


def readable(read: Callable[[], Any]) -> Any:
    """What `read` makes of a browser's answer; one that cannot be read is a wrong one."""
    try:
        return read()
    except forms.ValidationError:
        raise
    except UNREADABLE as error:
        raise bad_passkey() from error


def refuse_page(answer: Any, purpose: str) -> None:
    """Raise unless this answer was made on a page of the very host that is asked."""
    host = asked_host(context.request)
    if page_problem(bytes(answer.response.client_data), purpose=purpose, rp_id=host):
        raise bad_passkey()


class ReadsPasskey:
    """A passkey's answer that cannot be read is refused like a wrong one, never an error.

    So is one of a passkey of another host: the library compares what the answer says of its host,
    which browsers are bound by and other programs are not. And so is one that was made on a page
    of a name below the host, or in a frame, which the library lets pass.
    """

    cleaned_data: dict[str, Any]

    def clean_credential(self) -> Any:
        answer = readable(lambda: parse_authentication_response(self.cleaned_data["credential"]))
        refuse_page(answer, SIGNS)
        passkey = readable(super().clean_credential)  # type: ignore[misc]
        if passkey.data.get("rp_id") != asked_host(context.request):
            raise bad_passkey()
        return passkey


class PasskeyLoginForm(ReadsPasskey, LoginWebAuthnForm):
    pass


class PasskeyLoginInput(PasskeyLoginForm, inputs.Input):
    pass


class PasskeyCodeForm(ReadsPasskey, AuthenticateWebAuthnForm):
    """A passkey instead of the code of an authenticator app."""


class PasskeyCodeInput(PasskeyCodeForm, inputs.Input):
    pass


class PasskeyReauthenticateForm(ReadsPasskey, ReauthenticateWebAuthnForm):
    pass


class PasskeyReauthenticateInput(PasskeyReauthenticateForm, inputs.Input):
    pass


class PasskeyNameForm(EditWebAuthnForm):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=LONGEST_NAME)


class PasskeyAddForm(SignupWebAuthnForm):
    """Passkeys that sign in by themselves: kept on the device, used after its own check."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        required=False,
        max_length=LONGEST_NAME,
        help_text=gettext_lazy("So that you can tell it from others: “my phone”."),
    )

    def clean_credential(self) -> dict[str, Any]:
        credential = self.cleaned_data["credential"]
        if not isinstance(credential, dict) or len(str(credential)) > LONGEST_CREDENTIAL:
            raise bad_passkey()
        return credential

    def clean(self) -> dict[str, Any]:
        self.refuse_many()
        self.cleaned_data["passwordless"] = True  # asks for the device's own check
        cleaned: dict[str, Any] = readable(super().clean)
        if "credential" in self.cleaned_data:
            readable(self._refuse_odd)
        return cleaned

    def refuse_many(self) -> None:
        # One at a time for an account: of two at once the second sees what the first added.
        User.objects.select_for_update(no_key=True).get(pk=self.user.pk)
        known = Authenticator.objects.filter(user=self.user, type=Authenticator.Type.WEBAUTHN)
        if known.count() >= MOST:
            raise forms.ValidationError(
                _("You have %(count)d passkeys. Remove one that you no longer use.")
                % {"count": MOST},
                "too_many_passkeys",
            )

    def _refuse_odd(self) -> None:
        """What browsers never send (WebAuthn level 2, §7.1): the page of another host, a name that
        is not the key's own, by which nobody would find it, or one that is known already."""
        answer = parse_registration_response(self.cleaned_data["credential"])
        refuse_page(answer, ADDS)
        named = answer.response.attestation_object.auth_data.credential_data.credential_id
        if answer.raw_id != named or is_known(credential_id=named):
            raise bad_passkey()

    @property
    def passkey(self) -> NewPasskey:
        """What was read, for the host that is asked."""
        credential = self.cleaned_data["credential"]
        read = parse_registration_response(credential)
        flags = read.response.attestation_object.auth_data.flags
        return NewPasskey(
            name=self.cleaned_data["name"],
            rp_id=asked_host(context.request),
            synced=bool(flags & BACKUP_ELIGIBLE),
            credential=credential,
        )


class PasskeyAddInput(PasskeyAddForm, inputs.Input):
    pass


class FirstPasskeyForm(PasskeyAddForm):
    """The passkey of an account that is made with it: `user` is not in the database yet."""

    def refuse_many(self) -> None:
        """It has none."""
