"""Making what no campus can make for itself: the platform's administrators, and campuses."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import connection, transaction
from django.utils.translation import gettext as _

from apps.accounts.models import AllowedAddress, Role, User
from apps.accounts.selectors import address_problem
from apps.accounts.services import (
    member_add,
    membership_add,
    password_link_send,
    platform_account_record,
)
from apps.audit.services import Actor, log_event, log_platform_event
from apps.common.cache import invalidate
from apps.common.crypto import PLATFORM
from apps.common.errors import Invalid, Refused
from apps.ops.logos import logo_set
from apps.tenants.locks import lock
from apps.tenants.models import Campus, Domain
from apps.tenants.scope import campus_scope
from apps.tenants.selectors import host_cache_key
from apps.tenants.signed import signed_act

# Other than for campuses made before, so that it can be typed and said.
SHORT_NAME: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def set_up_lock() -> None:
    """Until the end of this transaction nobody else sets the installation up."""
    lock("NEW ", owner=PLATFORM)


def user_id_reserve() -> int:
    """An id that no account has or gets but the one that is made with it.

    A passkey names its account inside itself, and is made before that is.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence(%s, 'id'))", [User._meta.db_table])
        return int(cursor.fetchone()[0])


def is_set_up() -> bool:
    """Whether somebody administers this installation; closed accounts count too."""
    return User.objects.filter(is_superuser=True).exists()


@transaction.atomic
def super_admin_create(
    *,
    email: str,
    password: str | None,
    now: datetime,
    actor: Actor,
    name: str = "",
    user_id: int | None = None,
) -> User:
    """A new account that administers the platform. The password was validated by the caller; None:
    there is none. `user_id`: from `user_id_reserve`.

    Raises `Refused` (account_exists) and `Invalid` (invalid_account).
    """
    set_up_lock()
    email = email.strip().lower()
    if User.objects.filter(email=email).exists():
        message = _("There is an account with this address. `manage.py super_admin` raises it.")
        raise Refused("account_exists", message)
    draft = User(pk=user_id, email=email, name=name)
    draft.set_unusable_password()
    try:
        draft.full_clean()
    except ValidationError as error:
        raise _invalid("invalid_account", error) from error
    user = User.objects.create_superuser(email, password, pk=user_id, name=name)
    platform_account_record(
        user=user, action="accounts.super_admin.made", now=now, actor=actor, email=email
    )
    return user


@transaction.atomic
def campus_create(
    *,
    slug: str,
    name: str,
    host: str,
    time_zone: str,
    admin_email: str,
    now: datetime,
    actor: Actor,
    admin_name: str = "",
    email_domains: Sequence[str] = (),
    language: str = "",
    logo: bytes | None = None,
) -> tuple[Campus, User | None]:
    """A campus with its domain and its first administrator, who is mailed a link or invited.

    `logo`: what `logo_png` made.

    Returns the administrator's account; None where another campus knows it, and its owner has to
    accept first. An address outside the campus's e-mail domains is noted as an exception. Raises
    `Invalid` (invalid_campus, with the fields of `Campus` and `host`).
    """
    campus = Campus(
        slug=slug,
        name=name,
        time_zone=time_zone,
        email_domains=sorted(set(email_domains)),
        language=language,
    )
    if not SHORT_NAME.fullmatch(slug):
        problem = _("Lower-case letters and digits, and hyphens between them.")
        raise Invalid("invalid_campus", problem, fields={"slug": [problem]})
    _check(campus)
    domain = Domain(campus=campus, host=host.strip().lower())
    _check(domain, exclude=["campus"])
    admin_email = admin_email.strip().lower()
    _check_address(admin_email)
    with signed_act(Campus._meta.db_table):
        campus.save()
    domain.campus = campus
    with signed_act(Domain._meta.db_table):
        domain.save()
    invalidate(host_cache_key(domain.host))
    facts = {"slug": slug, "host": domain.host}
    log_platform_event(
        actor=actor, action="platform.campus.created", now=now, target=campus, data=facts
    )
    with campus_scope(campus):
        log_event(actor=actor, action="tenants.campus.created", now=now, target=campus, data=facts)
        if logo is not None:
            logo_set(png=logo, now=now, actor=actor)
            campus.refresh_from_db(fields=["logo"])
        admin = _first_admin(
            email=admin_email, name=admin_name, host=domain.host, now=now, actor=actor
        )
    return campus, admin


def _first_admin(*, email: str, name: str, host: str, now: datetime, actor: Actor) -> User | None:
    if address_problem(email=email):
        AllowedAddress.objects.create(email=email, note=_("The first administrator"))
    root = User.objects.filter(email=email, is_superuser=True, is_active=True).first()
    if root is not None:  # enters every campus as it is, and need not be asked
        membership_add(user=root, role=Role.ADMIN, now=now, actor=actor, name=name)
        return root
    user, made = member_add(email=email, name=name, roles=[Role.ADMIN], now=now, actor=actor)
    if user is not None and made:
        password_link_send(user=user, host=host, now=now)
    return user


def _check_address(email: str) -> None:
    try:
        validate_email(email)
    except ValidationError as error:
        problems = {"admin_email": error.messages}
        raise Invalid("invalid_campus", " ".join(error.messages), fields=problems) from error


def _check(row: Campus | Domain, *, exclude: Sequence[str] = ()) -> None:
    try:
        row.full_clean(exclude=exclude)
    except ValidationError as error:
        raise _invalid("invalid_campus", error) from error


def _invalid(code: str, error: ValidationError) -> Invalid:
    return Invalid(code, " ".join(error.messages), fields=error.message_dict)
