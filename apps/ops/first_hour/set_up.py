"""What the set-up page does in one transaction: super administrator, campus, administrator."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.accounts.services import second_factor_record
from apps.audit.services import Actor, log_platform_event
from apps.common.errors import NotFound
from apps.ops.first_hour.campuses import campus_create, set_up_lock, super_admin_create
from apps.ops.first_hour.links import setup_link_end, setup_link_is_good
from apps.signin.passkeys import NewPasskey, facts_of, passkey_keep
from apps.tenants.models import Campus
from apps.tenants.scope import platform_scope
from apps.tenants.signed import signed_act


@dataclass(frozen=True, kw_only=True)
class SetUp:
    """What somebody typed on the set-up page."""

    email: str
    # How they sign in: a password with the app whose code was checked, or a passkey.
    password: str | None
    totp_secret: str
    passkey: NewPasskey | None
    user_id: int | None  # whom the passkey names
    name: str
    slug: str
    campus_name: str
    host: str
    time_zone: str
    email_domains: Sequence[str]
    language: str
    logo: bytes | None
    admin_email: str  # "": the super administrator
    admin_name: str


def no_such_link() -> NotFound:
    message = _("This link opens nothing: it was used, is older than an hour, or was replaced.")
    return NotFound("no_such_setup_link", message)


@transaction.atomic
def set_up(*, token: str, wish: SetUp, now: datetime, actor: Actor) -> tuple[User, Campus]:
    """Set an empty installation up, once, also where others try it at the same moment.

    Raises `NotFound` (no_such_setup_link), `Refused` and `Invalid` as `super_admin_create` and
    `campus_create` do; the link stays good then.
    """
    with platform_scope():
        set_up_lock()
        if not setup_link_is_good(token=token):
            raise no_such_link()
        user = super_admin_create(
            email=wish.email,
            password=wish.password,
            name=wish.name,
            user_id=wish.user_id,
            now=now,
            actor=actor,
        )
        by = replace(actor, id=f"user:{user.pk}", label=user.get_full_name())
        added = _factor_keep(user, wish, now)
        second_factor_record(
            user=user,
            action="accounts.second_factor.added",
            now=now,
            actor=by,
            **facts_of(added),
        )
        campus, _admin = campus_create(
            slug=wish.slug,
            name=wish.campus_name,
            host=wish.host,
            time_zone=wish.time_zone,
            email_domains=wish.email_domains,
            language=wish.language,
            logo=wish.logo,
            admin_email=wish.admin_email or wish.email,
            admin_name=wish.admin_name or ("" if wish.admin_email else wish.name),
            now=now,
            actor=by,
        )
        log_platform_event(actor=by, action="platform.set_up", now=now, target=campus)
        setup_link_end()
    return user, campus


def _factor_keep(user: User, wish: SetUp, now: datetime) -> Authenticator:
    with signed_act(Authenticator._meta.db_table):
        if wish.passkey is not None:
            return passkey_keep(user_id=user.pk, passkey=wish.passkey, now=now)
        RecoveryCodes.activate(user)
        added: Authenticator = TOTP.activate(user, wish.totp_secret).instance
        return added
