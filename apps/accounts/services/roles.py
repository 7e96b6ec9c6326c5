"""Roles on the entered campus."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.models import Member, Membership, Role, User
from apps.accounts.services.accounts import log
from apps.audit.services import Actor
from apps.common.errors import Invalid


@transaction.atomic
def membership_add(
    *, user: User, role: str, now: datetime, actor: Actor, name: str = ""
) -> Membership:
    """Give the account a role on this campus; a role that was taken away comes back.

    `name`: how the campus shows somebody whom it had no name of.
    """
    if role not in Role.values:
        raise Invalid("unknown_role", _("There is no such role."))
    membership, created = Membership.objects.get_or_create(user=user, role=role)
    if created or not membership.is_active:
        membership.is_active = True
        membership.save(update_fields=["is_active", "updated_at"])
        user.__dict__.pop("_campus_roles", None)
        log(actor=actor, action="accounts.role.given", now=now, target=user, role=role)
    if name:
        Member.objects.filter(user=user, name="").update(name=name[:200], updated_at=now)
    return membership


@transaction.atomic
def membership_deactivate(*, membership: Membership, now: datetime, actor: Actor) -> None:
    """Take a role away; roles are asked at every request, so it counts from the next one on."""
    taken = Membership.objects.filter(pk=membership.pk, is_active=True).update(
        is_active=False, updated_at=now
    )
    membership.is_active = False
    if taken:
        role = membership.role
        log(actor=actor, action="accounts.role.taken", now=now, target=membership.user, role=role)


@transaction.atomic
def member_language_set(*, user: User, language: str, now: datetime) -> None:
    """The person chose the language of this campus's messages to them; "" is the campus's own."""
    Member.objects.filter(user=user).update(language=language, updated_at=now)


@transaction.atomic
def member_update(*, user: User, name: str, language: str, now: datetime) -> None:
    """How this campus shows an account and writes to it; the account itself stays as it is.

    The caller notes the change: the administration writes before and after.
    """
    Member.objects.filter(user=user).update(name=name[:200], language=language, updated_at=now)
