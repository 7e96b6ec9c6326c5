"""The form of the set-up page."""

import json
from typing import Any

from allauth.mfa.totp.internal.auth import validate_totp_code
from django import forms
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.models import User
from apps.audit.admin_widgets import DomainsField
from apps.common.digits import plain_digits
from apps.common.errors import Invalid
from apps.common.form_fields import LineField
from apps.ops.first_hour.set_up import SetUp
from apps.ops.logos import MAX_BYTES, logo_png
from apps.signin.forms import FirstPasskeyForm
from apps.signin.passkeys import NewPasskey
from apps.tenants.models import time_zones

NEW_PASSWORD = {"autocomplete": "new-password"}
PASSWORD, PASSKEY = "password", "passkey"
OF_PASSWORD = ("password", "password_again", "code")
# Of the service's refusals, where a name means something else on this page.
RENAMED = {"name": "campus_name"}


class LogoField(forms.FileField):
    """A picture, cleaned to the PNG that is kept."""

    widget = forms.FileInput(attrs={"accept": "image/png,image/jpeg,image/webp"})

    def __init__(self, **kwargs: Any) -> None:
        text = gettext_lazy(
            "PNG, JPEG or WebP, up to 2 MB, best square. Everybody sees it at the head of pages."
        )
        super().__init__(**{"label": gettext_lazy("Logo"), "help_text": text, **kwargs})

    def clean(self, data: Any, initial: Any = None) -> Any:
        upload = super().clean(data, initial)
        if not upload:
            return None
        try:
            return logo_png(data=upload.read(MAX_BYTES + 1))
        except Invalid as refusal:
            raise ValidationError(str(refusal.message)) from refusal


class LogoForm(forms.Form):
    logo = LogoField()


class SetUpForm(forms.Form):
    """Who administers the installation, its first campus, and who administers that."""

    name = LineField(
        label=gettext_lazy("Your name"),
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    email = forms.EmailField(
        label=gettext_lazy("Your e-mail address"),
        max_length=254,
        help_text=gettext_lazy("You sign in with it."),
        widget=forms.EmailInput(attrs={"autocomplete": "username"}),
    )
    way = forms.ChoiceField(
        label=gettext_lazy("How you sign in"),
        choices=[
            (PASSWORD, gettext_lazy("With a password and an authenticator app")),
            (PASSKEY, gettext_lazy("With a passkey of this device, without a password")),
        ],
        initial=PASSWORD,
        required=False,
        widget=forms.RadioSelect,
    )
    credential = forms.JSONField(required=False, widget=forms.HiddenInput)
    password = forms.CharField(
        label=gettext_lazy("Password"),
        strip=False,
        max_length=128,
        help_text=gettext_lazy("At least 15 characters. A sentence is easier to keep in mind."),
        widget=forms.PasswordInput(attrs=NEW_PASSWORD),
    )
    password_again = forms.CharField(
        label=gettext_lazy("Password, once more"),
        strip=False,
        max_length=128,
        widget=forms.PasswordInput(attrs=NEW_PASSWORD),
    )
    code = forms.CharField(
        label=gettext_lazy("Code of the app"),
        max_length=20,
        help_text=gettext_lazy("The six digits that the app shows now."),
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )
    campus_name = LineField(
        label=gettext_lazy("Name of the campus"),
        max_length=200,
        help_text=gettext_lazy("As students read it, such as “North College”."),
    )
    slug = forms.CharField(
        label=gettext_lazy("Short name"),
        max_length=50,
        help_text=gettext_lazy(
            "Up to 50 lower-case letters and digits, with hyphens between them, such as “north”. "
            "Apps and commands name the campus by it, so it should stay as it is."
        ),
        widget=forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false"}),
    )
    host = forms.CharField(
        label=gettext_lazy("Host name"),
        max_length=253,
        help_text=gettext_lazy(
            "Where browsers reach the campus: its own name in the DNS, without https:// and port. "
            "More can be added later."
        ),
        widget=forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false"}),
    )
    time_zone = forms.ChoiceField(
        label=gettext_lazy("Time zone"),
        choices=time_zones,
        help_text=gettext_lazy("Classes begin and end by this clock."),
    )
    email_domains = DomainsField(
        label=gettext_lazy("E-mail domains"),
        required=False,
        help_text=gettext_lazy(
            "One in each line, such as “north.example”: only people with such addresses can be "
            "entered. Empty: any address."
        ),
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
    )
    language = forms.ChoiceField(
        label=gettext_lazy("Language"),
        required=False,
        choices=lambda: settings.LANGUAGES,
        help_text=gettext_lazy("In which the campus writes to people who have chosen none."),
    )
    logo = LogoField(required=False)
    admin_email = forms.EmailField(
        label=gettext_lazy("Their e-mail address"),
        required=False,
        max_length=254,
        help_text=gettext_lazy(
            "They get an e-mail with a link to choose a password. Leave it empty if it is you."
        ),
    )
    admin_name = LineField(label=gettext_lazy("Their name"), required=False, max_length=200)

    def __init__(
        self, *args: Any, secret: str, owner: User, asked_host: str, **kwargs: Any
    ) -> None:
        """`secret`: of the app. `owner`: whom a passkey is made for, not in the database yet."""
        super().__init__(*args, **kwargs)
        self.secret = secret
        self.owner = owner
        self.asked_host = asked_host
        self.passkey: NewPasskey | None = None
        for name in OF_PASSWORD:
            self.fields[name].required = self.data.get("way") != PASSKEY
        if len(settings.LANGUAGES) == 1:  # nothing to choose
            del self.fields["language"]

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).strip().lower()

    def clean_admin_email(self) -> str:
        return str(self.cleaned_data["admin_email"]).strip().lower()

    def clean_credential(self) -> dict[str, Any]:
        """With a passkey, the browser's answer, which is checked as on the page of passkeys."""
        credential: dict[str, Any] = self.cleaned_data["credential"]
        if self.cleaned_data.get("way") == PASSKEY:
            answer = {"name": "", "credential": json.dumps(credential)}
            form = FirstPasskeyForm(answer, user=self.owner)
            if not form.is_valid():
                raise ValidationError(_("No passkey was made. Try again, or choose a password."))
            self.passkey = form.passkey
        return credential

    def clean_code(self) -> str:
        if self.cleaned_data.get("way") == PASSKEY:
            return ""
        code = "".join(plain_digits(self.cleaned_data["code"]).split())
        if not validate_totp_code(self.secret, code):
            raise ValidationError(_("This code does not fit. Wait for the next one and type that."))
        return code

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        password, again = cleaned.get("password"), cleaned.get("password_again")
        if self.passkey is not None:
            self._check_host(cleaned.get("host", ""))
        elif password and again and password != again:
            self.add_error("password_again", _("The two passwords are not the same."))
        if password and self.passkey is None:
            draft = User(email=cleaned.get("email", ""), name=cleaned.get("name", ""))
            try:
                validate_password(password, draft)
            except ValidationError as error:
                self.add_error("password", error)
        return cleaned

    def _check_host(self, host: str) -> None:
        """Else nobody could sign in where the campus is: a passkey is good for one host name."""
        if host.strip().lower() != self.asked_host:
            message = _(
                "Your passkey would be good for %(host)s only. Open this page at the campus's own "
                "host name, or choose a password."
            )
            self.add_error("host", message % {"host": self.asked_host})

    def wish(self) -> SetUp:
        """What was typed, for the service."""
        kept = {
            **self.cleaned_data,
            "language": self.cleaned_data.get("language", ""),
            "totp_secret": self.secret,
            "passkey": self.passkey,
            "user_id": None,
        }
        if self.passkey is not None:
            kept |= {"password": None, "user_id": self.owner.pk}
        return SetUp(**{name: kept[name] for name in SetUp.__dataclass_fields__})

    def refuse(self, fields: dict[str, list[str]], message: str) -> None:
        """Show what the service refused where it was typed."""
        for name, problems in fields.items():
            shown = RENAMED.get(name, name)
            for problem in problems:
                self.add_error(shown if shown in self.fields else None, problem)
        if not fields:
            self.add_error(None, message)
