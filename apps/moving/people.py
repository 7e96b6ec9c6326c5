"""Whose accounts the people of a campus have on this installation. See docs/decisions/0013.

An account belongs to its person. One that is here already is taken only where the campus might
take it without asking; everybody else keeps their entry without a login, and is invited.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

from apps.accounts.models import Faculty, Member, Membership, Role, Student, User
from apps.accounts.services.invitations import invitation_send
from apps.accounts.writes import joins_at_once
from apps.audit.services import Actor
from apps.common.rows import batches
from apps.moving.catalogue import ACCOUNTS
from apps.moving.ids import Ids

BATCH: Final = 1000


@dataclass(kw_only=True)
class People:
    """Accounts by what became of them. `strangers`: stand-in account → the address here."""

    made: int = 0
    joined: int = 0
    strangers: dict[int, str] = field(default_factory=dict)
    invited: int = 0


def accounts_provide(*, accounts: Iterable[dict[str, Any]], ids: Ids) -> People:
    """An account for everyone; of the entered campus.

    New ones have no password: people choose one by the mail for a forgotten password, or sign in
    with Google. Where the owner of an account here has to be asked, a closed stand-in without an
    address holds the rows.
    """
    people = People()
    for batch in batches(accounts, BATCH):
        emails = [account["email"] for account in batch]
        known = {user.email: user for user in User.objects.filter(email__in=emails)}
        new: list[tuple[int, User]] = []
        for account in batch:
            user = known.get(account["email"])
            if user is not None and joins_at_once(user=user):
                ids.replace(ACCOUNTS, account["id"], user.pk)
                people.joined += 1
            else:
                new.append((account["id"], _new(account, is_stranger=user is not None)))
        User.objects.bulk_create([user for _old, user in new])
        for (old, user), email in zip(new, _emails(batch, new), strict=True):
            ids.replace(ACCOUNTS, old, user.pk)
            if user.email != email:
                people.strangers[user.pk] = email
    people.made = len(ids.all(ACCOUNTS)) - people.joined - len(people.strangers)
    return people


def _emails(batch: list[dict[str, Any]], new: list[tuple[int, User]]) -> list[str]:
    by_id = {account["id"]: account["email"] for account in batch}
    return [by_id[old] for old, _user in new]


def _new(account: dict[str, Any], *, is_stranger: bool) -> User:
    if is_stranger:
        user = User(email=f"moved-{uuid4().hex}@moved.invalid", is_active=False)
    else:
        user = User(
            email=account["email"],
            name=account["name"],
            language=account["language"],
            is_active=account["is_active"],
        )
    user.set_unusable_password()
    return user


def strangers_invite(*, people: People, now: datetime, actor: Actor) -> None:
    """Take the stand-ins' roles away, and ask the owners of the addresses for each of them."""
    for user_id, email in people.strangers.items():
        roles = list(
            Membership.objects.filter(user_id=user_id, is_active=True).values_list(
                "role", flat=True
            )
        )
        entries = {
            Role.STUDENT: Student.objects.filter(user_id=user_id).first(),
            Role.FACULTY: Faculty.objects.filter(user_id=user_id).first(),
        }
        Membership.objects.filter(user_id=user_id).delete()
        Member.objects.filter(user_id=user_id).delete()
        for model in (Student, Faculty):
            model.objects.filter(user_id=user_id).update(user_id=None)
        for role in roles:
            own = entries.get(Role(role))
            if own is not None and own.email.lower() != email:
                continue  # the office wrote another address since
            invitation_send(email=email, role=role, now=now, actor=actor, person=own)
            people.invited += 1
