"""Second factors, whose secrets are encrypted at rest, and passkeys."""

import base64
import time
from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

from allauth.account import app_settings as account_settings
from allauth.account.adapter import get_adapter as account_adapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.core import context
from allauth.mfa import signals
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import (
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.db.models import Min
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.requests import request_user
from apps.common.crypto import resealed, seal, unseal
from apps.signin import passkeys
from apps.tenants.addresses import asked_host
from apps.tenants.models import Campus
from apps.tenants.scope import entered_campus_id
from apps.tenants.signed import signed_act

PURPOSE: Final = "second-factor"
# Beside the library's data: the number of the last 30 seconds whose code was taken.
SPENT: Final = "spent_until"
# Of the library's data: a text each, or a list of them.
SEALED: Final = ("secret", "seed", "migrated_codes")
PLATFORM: Final = 0  # a user belongs to no single campus, so neither does this key
# The requests that add one, on the page and by the API.
ADDING: Final = frozenset(
    {
        ("GET", "mfa_add_webauthn"),
        ("POST", "mfa_add_webauthn"),
        ("GET", "app-passkeys"),
        ("POST", "app-passkeys"),
    }
)
SECRETS: Final = frozenset({"password", "mfa"})  # how the owner signed in: a passkey is "mfa"
WEBAUTHN: Final = Authenticator.Type.WEBAUTHN


class MfaAdapter(DefaultMFAAdapter):
    """TOTP secrets and recovery seeds under AES-256-GCM; passkeys of the host that is asked."""

    def encrypt(self, text: str) -> str:
        return base64.b64encode(seal(PURPOSE, PLATFORM, text.encode())).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return unseal(PURPOSE, PLATFORM, base64.b64decode(encrypted_text)).decode()

    def is_mfa_enabled(self, user: Any, types: Collection[str] | None = None) -> bool:
        """A passkey alone does not make the password ask for a second factor.

        Else who adds one with a tap and loses the phone, or signs in on another host, is shut out
        (docs/decisions/0043). Asked for passkeys alone: whether there is one for this host.
        """
        if user.is_anonymous:
            return False
        if types is not None and set(types) == {WEBAUTHN}:
            host = asked_host(context.request)
            return passkeys.rows(user_ids=[user.pk], rp_ids=[host]).exists()
        second = Authenticator.objects.filter(user_id=user.pk).exclude(type=WEBAUTHN)
        return (second if types is None else second.filter(type__in=types)).exists()

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """The host name that the request came by, as the campus that it leads to."""
        host, campus_id = asked_host(context.request), entered_campus_id() or 0
        named = Campus.objects.filter(pk=campus_id).values_list("name", flat=True).first()
        return {"id": host, "name": named or host}

    def generate_authenticator_name(self, user: Any, type: Any) -> str:
        count = Authenticator.objects.filter(user_id=user.pk, type=type).count()
        return _("Passkey") if not count else _("Passkey %(number)d") % {"number": count + 1}


def factor_owed(request: HttpRequest) -> bool:
    """Whether what was confirmed in this session lately was the password alone, though the account
    has a second factor that stood then.

    Else an open session and the password would be enough to read the recovery codes and to remove
    the factor. Setting one up is confirmed by the password, and so is what follows at once.
    """
    since = _factor_since(request.user)
    if since is None:
        return False
    records = get_authentication_records(request, request.user)
    lately = [one for one in records if one.get("reauthenticated") and _is_recent(one)]
    return not any(
        record["method"] == "mfa" or record["at"] < since.timestamp() for record in lately
    )


def sign_in_confirms(request: HttpRequest) -> bool:
    """Whether a passkey may be added on the strength of the sign-in itself: it was by password or
    passkey, at most `REAUTHENTICATION_TIMEOUT` (300 s) ago, and the account has no second factor.

    For adding alone: what removes a passkey or sets up a factor asks again (docs/decisions/0043).
    """
    match = request.resolver_match
    if match is None or (request.method, match.url_name) not in ADDING:
        return False
    records = get_authentication_records(request, request.user)
    lately = any(_is_recent(record) for record in records if record["method"] in SECRETS)
    return lately and _factor_since(request.user) is None


def _factor_since(user: Any) -> datetime | None:
    factors = Authenticator.objects.filter(user_id=user.pk).exclude(type=WEBAUTHN)
    since: datetime | None = factors.aggregate(since=Min("created_at"))["since"]
    return since


def _is_recent(record: dict[str, Any]) -> bool:
    timeout: int = account_settings.REAUTHENTICATION_TIMEOUT
    return bool(record["at"] > time.time() - timeout)


def code_spend(factor: Authenticator, code: str) -> bool:
    """Note that this code of an authenticator app was taken; False: it, or a later one, was before.

    The library notes it in the cache alone, and takes it again while the cache is away.
    """
    secret = MfaAdapter().decrypt(factor.data["secret"])
    steps = list(yield_hotp_counters_from_time())
    fitting = [step for step in steps if format_hotp_value(hotp_value(secret, step)) == code]
    step = max(fitting or steps)  # none: its 30 seconds ended just now
    kept = Authenticator.objects.select_for_update().get(pk=factor.pk)
    if kept.data.get(SPENT, -1) >= step:
        return False
    kept.data[SPENT] = step
    kept.save(update_fields=["data"])
    factor.data = kept.data
    return True


def passkey_add(request: HttpRequest, passkey: passkeys.NewPasskey) -> Authenticator:
    """Keep a passkey that was checked, for who is signed in. Noted and told."""
    now = timezone.now()  # noqa: TID251
    added = passkeys.passkey_keep(user_id=request_user(request).pk, passkey=passkey, now=now)
    signals.authenticator_added.send(
        sender=Authenticator, request=request, user=request.user, authenticator=added
    )
    account_adapter().send_notification_mail("mfa/email/webauthn_added", request.user)
    return added


def factors_reseal() -> int:
    """Under the master key that is in force now; returns how many."""
    done = 0
    with signed_act(Authenticator._meta.db_table):
        for factor in Authenticator.objects.exclude(type=Authenticator.Type.WEBAUTHN):
            data = {
                name: _renewed(value) if name in SEALED else value
                for name, value in factor.data.items()
            }
            if data != factor.data:
                done += Authenticator.objects.filter(pk=factor.pk).update(data=data)
    return done


def _renewed(value: Any) -> Any:
    if isinstance(value, list):
        return [_renewed(one) for one in value]
    new = resealed(PURPOSE, PLATFORM, base64.b64decode(value))
    return value if new is None else base64.b64encode(new).decode()
