"""Asking for the e-mail with which a person chooses a password, and the link in it."""

from typing import Any, Final

from allauth.account.utils import user_pk_to_url_str
from django.http import HttpRequest
from django.urls import reverse

from apps.accounts.models import User
from apps.signin.password_tokens import CampusTokenGenerator
from apps.tenants.addresses import asked_host, campus_host, campus_url
from apps.tenants.scope import current_campus_id
from apps.tenants.tasks import hand_over

TASK: Final = "apps.signin.tasks.mail_password_link"


def password_link_ask(request: HttpRequest, *, email: str) -> None:
    """A worker looks the address up: here nothing depends on whether it is known.

    Raises `Refused` (try_later, campus_without_domain), for known and unknown addresses alike.
    """
    current_campus_id()
    hand_over(TASK, email, campus_host(asked=asked_host(request)))


def password_link(user_id: int, data: dict[str, Any]) -> str:
    """The link in an e-mail, at the campus's own domain; made when the e-mail is sent.

    Good once, on this campus, and for `PASSWORD_RESET_TIMEOUT`: signing in or a new password ends
    it.
    """
    user = User.objects.filter(pk=user_id, is_active=True).first()
    if user is None:
        return ""
    key = f"{user_pk_to_url_str(user)}-{CampusTokenGenerator().make_token(user)}"
    path = reverse("account_reset_password_from_key", kwargs={"uidb36": "UID", "key": "KEY"})
    return campus_url(path.replace("UID-KEY", key), host=str(data.get("host", "")))
