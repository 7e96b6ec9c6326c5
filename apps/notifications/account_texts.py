"""What is said to people about their sign-in. Part of `texts.TEXTS`."""

from typing import Final

from django.utils.translation import gettext_noop

from apps.notifications.text_entry import Text

PASSWORD_LINK: Final = "password_link"  # noqa: S105
SECURITY: Final = "account_security"
CAMPUS: Final = {"campus": "North Campus"}

ACCOUNT_TEXTS: Final[dict[str, Text]] = {
    "password_welcome": Text(
        kind=PASSWORD_LINK,
        title=gettext_noop("Welcome to %(campus)s"),
        body=gettext_noop(
            "The office has made you an account. Choose a password with the link in this e-mail, "
            "then sign in with this e-mail address. The link works once, for three days; after "
            "that, ask for a new one with “Forgot your password?” on the sign-in page."
        ),
        sample=CAMPUS,
    ),
    "password_link": Text(
        kind=PASSWORD_LINK,
        title=gettext_noop("Choose a new password for %(campus)s"),
        body=gettext_noop(
            "The office sends you a link to choose a new password. It works once, for three days. "
            "Until then your old password stays."
        ),
        sample=CAMPUS,
    ),
    "password_reset": Text(
        kind=PASSWORD_LINK,
        title=gettext_noop("Your new password for %(campus)s"),
        body=gettext_noop(
            "You asked for a new password: choose it with the link in this e-mail. It works once, "
            "for three days. If you did not ask, you need not do anything: your password stays as "
            "it is."
        ),
        sample=CAMPUS,
    ),
    "second_factor_added": Text(
        kind=SECURITY,
        title=gettext_noop("A second factor was added to your account"),
        body=gettext_noop(
            "From now on signing in also asks for a code of your authenticator app. "
            "If that was not you, change your password and tell the office."
        ),
    ),
    "second_factor_removed": Text(
        kind=SECURITY,
        title=gettext_noop("A second factor was removed from your account"),
        body=gettext_noop(
            "Signing in no longer asks for its code. If that was not you, change your password "
            "and tell the office."
        ),
    ),
    "recovery_codes_made": Text(
        kind=SECURITY,
        title=gettext_noop("You have new recovery codes"),
        body=gettext_noop(
            "The ones before no longer work. If that was not you, change your password and tell "
            "the office."
        ),
    ),
    "security_key_added": Text(
        kind=SECURITY,
        title=gettext_noop("A passkey was added to your account"),
        body=gettext_noop(
            "It signs in without the password, and 48 hours from now it can bind another device "
            "for check-ins. If that was not you, change your password, remove the passkey and "
            "tell the office."
        ),
    ),
    "security_key_removed": Text(
        kind=SECURITY,
        title=gettext_noop("A passkey was removed from your account"),
        body=gettext_noop(
            "It no longer signs you in. If that was not you, change your password and tell the "
            "office."
        ),
    ),
    "passkey_removed_by_office": Text(
        kind=SECURITY,
        title=gettext_noop("The office removed a passkey of yours"),
        body=gettext_noop(
            "“%(passkey)s” no longer signs you in. If you did not ask for that, tell the office."
        ),
        sample={"passkey": "My phone"},
    ),
    "sign_in_connected": Text(
        kind=SECURITY,
        title=gettext_noop("You can sign in with %(provider)s now"),
        body=gettext_noop(
            "Your %(provider)s account was connected to your account here. If that was not you, "
            "change your password and tell the office."
        ),
        sample={"provider": "Google"},
    ),
    "number_connected": Text(
        kind=SECURITY,
        title=gettext_noop("%(person)s came in by %(provider)s with a number that was changed"),
        body=gettext_noop(
            "%(who)s wrote that number into the entry on %(day)s, and %(provider)s sent no e-mail "
            "address that proves whose it is. If it was not this person who came in, delete the "
            "connection under “People of providers” and correct the number."
        ),
        sample={
            "person": "Ada Byron",
            "provider": "University login",
            "who": "Grace Hopper",
            "day": "2026-11-30",
        },
    ),
    "sign_in_disconnected": Text(
        kind=SECURITY,
        title=gettext_noop("You can no longer sign in with %(provider)s"),
        body=gettext_noop(
            "Your %(provider)s account was disconnected from your account here. If that was not "
            "you, change your password and tell the office."
        ),
        sample={"provider": "Google"},
    ),
    "address_changed": Text(
        kind=SECURITY,
        title=gettext_noop("The e-mail address of your account was changed"),
        body=gettext_noop(
            "You sign in with the new address from now on. If you do not know of this, tell the "
            "office."
        ),
    ),
}
