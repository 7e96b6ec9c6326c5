"""Passwords of an older system for the accounts that moving in has just made."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import Q

from apps.accounts.models import Member, User
from apps.audit.services import Actor, log_event
from apps.common.rows import table_name
from apps.signin.passwords import adopted_hash
from apps.tenants.selectors import is_only_campus, own_domains
from apps.tenants.signed import signed_act

LONGEST: Final = 128  # characters that an account's hash may have


@transaction.atomic
def hashes_adopt(
    *,
    hashes: Mapping[str, str],
    now: datetime,
    actor: Actor,
    source: str,
    made: Collection[int] = (),
) -> tuple[int, list[str], list[str]]:
    """E-mail → hash of the older system, for members' accounts that were made at `now`, or
    are `made`: by the caller, in this transaction.

    No account that was there before is touched: it may be good on other campuses, and whoever
    holds the old database could enter them. Nor one whose address the campus only claims: another
    campus may invite the address tomorrow, and who signs in with the account accepts it. So where
    there are other campuses, the address has to lie in a verified domain of this one. Returns how
    many can sign in with their old password, and who asks for a link instead: addresses whose hash
    is of no known kind, and addresses that are not the campus's own.
    """
    adopted, unknown, foreign = 0, [], []
    mine = Member.objects.filter(user__email__in=list(hashes)).values("user_id")
    fresh = User.objects.filter(
        Q(created_at=now) | Q(pk__in=made),
        pk__in=mine,
        password__startswith="!",  # noqa: S106  (none)
        is_superuser=False,
    )
    alone, own = is_only_campus(), own_domains()
    with signed_act(table_name(User)):
        for user in fresh.order_by("pk"):
            try:
                encoded = adopted_hash(hashes[user.email])
            except ValueError:
                encoded = ""
            if not 0 < len(encoded) <= LONGEST:
                unknown.append(user.email)
                continue
            if not alone and user.email.rpartition("@")[2] not in own:
                foreign.append(user.email)
                continue
            adopted += User.objects.filter(pk=user.pk).update(password=encoded, updated_at=now)
    data = {
        "adopted": adopted,
        "unknown": len(unknown),
        "foreign": len(foreign),
        "source": source,
    }
    log_event(actor=actor, action="signin.passwords.adopted", now=now, data=data)
    return adopted, unknown, foreign
