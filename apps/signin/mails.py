"""allauth's mails in our words: what each becomes, or why it is not sent.

Walked by a test against the templates that the installed allauth ships, so that a new one cannot
reach people in its own words.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

# Said by the service that changes the password, whichever way it was changed.
TOLD_BY_SERVICE: Final = "told by password_set"
# E-mails of ways that are closed here: no sign-up, no codes by mail, addresses set by the office.
CLOSED: Final = "this way is closed"
# Asked for on a page, and sent by a worker: see `password_links`.
BY_WORKER: Final = "sent by mail_password_link"
NOT_SENT: Final = frozenset({TOLD_BY_SERVICE, CLOSED, BY_WORKER})

MAILS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "account/email/password_reset_key": BY_WORKER,
        "account/email/password_changed": TOLD_BY_SERVICE,
        "account/email/password_reset": TOLD_BY_SERVICE,
        "account/email/password_set": TOLD_BY_SERVICE,
        "account/email/email_changed": "address_changed",
        "mfa/email/totp_activated": "second_factor_added",
        "mfa/email/totp_deactivated": "second_factor_removed",
        "mfa/email/recovery_codes_generated": "recovery_codes_made",
        "mfa/email/webauthn_added": "security_key_added",
        "mfa/email/webauthn_removed": "security_key_removed",
        "socialaccount/email/account_connected": "sign_in_connected",
        "socialaccount/email/account_disconnected": "sign_in_disconnected",
        "account/email/account_already_exists": CLOSED,
        "account/email/email_confirm": CLOSED,
        "account/email/email_confirmation": CLOSED,
        "account/email/email_confirmation_signup": CLOSED,
        "account/email/email_deleted": CLOSED,
        "account/email/login_code": CLOSED,
        "account/email/password_reset_code": CLOSED,
        "account/email/unknown_account": CLOSED,
    }
)


def text_data(context: Mapping[str, Any]) -> dict[str, Any]:
    """What our texts name of allauth's context; never a key, code or link."""
    provider = context.get("provider")
    return {"provider": str(getattr(provider, "name", provider))} if provider else {}
