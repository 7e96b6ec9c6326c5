"""What the office does with the passkeys of students: those of its campus's own host names."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.models import Student, User
from apps.accounts.notices import account_notice
from apps.accounts.services.accounts import log
from apps.audit.services import Actor
from apps.common.errors import NotFound
from apps.signin.passkeys import campus_hosts, facts_of, passkey_from, rows
from apps.tenants.signed import signed_act


@transaction.atomic
def passkey_remove(
    *, student: Student, passkey_id: int, reason: str, now: datetime, actor: Actor
) -> None:
    """Remove one of the student's passkeys, if it is good for a host of this campus, and tell them.

    Raises `NotFound` (no_such_passkey).
    """
    owners = [student.user_id] if student.user_id is not None else []
    row = rows(user_ids=owners, rp_ids=campus_hosts()).filter(pk=passkey_id).first()
    if row is None:
        raise NotFound("no_such_passkey", _("This student has no such passkey for this campus."))
    passkey = passkey_from(row)
    with signed_act("mfa_authenticator"):
        row.delete()
    log(
        actor=actor,
        action="accounts.passkey.removed",
        now=now,
        target=student,
        passkey=passkey.id,
        passkey_name=passkey.name,
        rp_id=passkey.rp_id,
        reason=reason,
    )
    account_notice(
        user=User.objects.get(pk=passkey.user_id),
        text="passkey_removed_by_office",
        data={"passkey": passkey.name},
        now=now,
    )


@transaction.atomic
def campus_passkeys_remove(*, user: User, reason: str, now: datetime, actor: Actor) -> int:
    """Remove the account's passkeys that are good for a host of this campus; returns how many.

    For somebody who leaves it. Those for other campuses' hosts stay, and so do all of a platform
    administrator, whose sign-in no campus changes.
    """
    if user.is_superuser:
        return 0
    found = list(rows(user_ids=[user.pk], rp_ids=campus_hosts()))
    for row in found:
        facts = facts_of(row)
        with signed_act("mfa_authenticator"):
            row.delete()
        log(
            actor=actor,
            action="accounts.passkey.removed",
            now=now,
            target=user,
            reason=reason,
            **facts,
        )
    return len(found)
