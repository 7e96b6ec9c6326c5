"""Closing and reopening what one person is on this campus: a student, or a faculty member."""

from datetime import datetime
from typing import Final

from django.db import transaction

from apps.accounts.models import Faculty, Membership, Person, Role, Student
from apps.accounts.services.accounts import campus_sessions_end, log
from apps.accounts.services.invitations import invitation_withdraw, waiting_for
from apps.accounts.services.roles import membership_add, membership_deactivate
from apps.audit.services import Actor

ROLE_OF: Final[dict[type[Person], Role]] = {Student: Role.STUDENT, Faculty: Role.FACULTY}


@transaction.atomic
def profile_deactivate(*, person: Person, now: datetime, actor: Actor) -> bool:
    """Let this profile and its role rest, with the last role the person's sessions here; nothing is
    deleted.

    Other roles of the same account stay, and stay signed in: who may close students must not be
    able to close administrators. Returns whether it was active.
    """
    kind = type(person)
    # In the order in which an answer takes its locks: an owner who accepts at this moment is in
    # first, and out again with the entry.
    for invitation in waiting_for(person=person):
        invitation_withdraw(invitation=invitation, now=now, actor=actor)
    closed = kind._default_manager.filter(pk=person.pk, is_active=True).update(
        is_active=False, updated_at=now
    )
    if not closed:
        return False
    person.refresh_from_db(fields=["user"])
    if person.user is not None:
        role = Membership.objects.filter(user=person.user, role=ROLE_OF[kind]).first()
        if role is not None:
            membership_deactivate(membership=role, now=now, actor=actor)
        if not Membership.objects.filter(user=person.user, is_active=True).exists():
            campus_sessions_end(user=person.user)
    log(actor=actor, action=f"accounts.{kind._meta.model_name}.deactivated", now=now, target=person)
    return True


@transaction.atomic
def profile_activate(*, person: Person, now: datetime, actor: Actor) -> bool:
    """Bring this profile and its own role back, no other role; returns whether it was closed."""
    kind = type(person)
    opened = kind._default_manager.filter(pk=person.pk, is_active=False).update(
        is_active=True, updated_at=now
    )
    if not opened:
        return False
    person.refresh_from_db(fields=["user"])
    if person.user is not None:
        membership_add(user=person.user, role=ROLE_OF[kind], now=now, actor=actor)
    log(actor=actor, action=f"accounts.{kind._meta.model_name}.activated", now=now, target=person)
    return True
