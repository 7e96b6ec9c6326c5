"""Cards: given to students, and revoked. Their numbers are hashed and forgotten."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.models import Student
from apps.audit.services import Actor, log_event
from apps.common.crypto import KEY_BYTES, seal
from apps.common.errors import Invalid, Refused
from apps.tenants.scope import current_campus_id
from apps.terminals.models import Card, CardKey
from apps.terminals.reading import plain_card
from apps.terminals.selectors import CARD_SEAL, card_digest, card_key

FEWEST_CHARACTERS: Final = {Card.Kind.CARD: 4, Card.Kind.PIN: 1}


@transaction.atomic
def card_key_needed(*, now: datetime) -> bytes:
    """The campus's key of cards, made at its first need. Of two makers at once the first wins."""
    known = card_key()
    if known is None:
        made = seal(CARD_SEAL, current_campus_id(), os.urandom(KEY_BYTES))
        CardKey.objects.bulk_create(
            [CardKey(sealed_key=made, created_at=now)], ignore_conflicts=True
        )
        known = card_key()
    assert known is not None  # it stands, ours or the other one's
    return known


@transaction.atomic
def card_add(
    *,
    student: Student,
    number: str,
    now: datetime,
    actor: Actor,
    kind: str = Card.Kind.CARD,
) -> tuple[Card, bool]:
    """Give a card to a student; returns it, and whether it was made now.

    Raises `Invalid` (bad_card_number) and `Refused` (card_is_anothers): revoke it there first.
    """
    if len(plain_card(number)) < FEWEST_CHARACTERS[Card.Kind(kind)]:
        raise Invalid("bad_card_number", _("Write the number of the card as the reader shows it."))
    digest = card_digest(card_key_needed(now=now), number, kind=kind)
    card, made = Card.objects.get_or_create(
        digest=digest,
        revoked_at=None,
        defaults={"student": student, "kind": kind, "added_at": now},
    )
    if card.student_id != student.pk:
        message = _("This card belongs to somebody else. Revoke it there first.")
        raise Refused("card_is_anothers", message)
    if made:
        data = {"student": student.pk, "kind": kind}
        log_event(actor=actor, action="terminals.card.added", now=now, target=card, data=data)
    return card, made


@dataclass(frozen=True, kw_only=True)
class CardRow:
    """A card of a list; `n` is its row there."""

    n: int
    student_id: int
    number: str


@dataclass
class CardsImported:
    """What became of the rows; `wrong` says why, by their number: a code of `card_add`."""

    new: int = 0
    unchanged: int = 0
    wrong: dict[int, str] = field(default_factory=dict)


@transaction.atomic
def cards_import(*, rows: Sequence[CardRow], now: datetime, actor: Actor) -> CardsImported:
    """Many cards at once, in four statements; one entry in the log."""
    done = CardsImported()
    key, kind = card_key_needed(now=now), Card.Kind.CARD
    digests = {row.n: card_digest(key, row.number, kind=kind) for row in rows}
    live = Card.objects.filter(digest__in=set(digests.values()), revoked_at=None)
    owners = {bytes(digest): owner for digest, owner in live.values_list("digest", "student_id")}
    made: dict[bytes, Card] = {}
    for row in rows:
        digest = digests[row.n]
        if len(plain_card(row.number)) < FEWEST_CHARACTERS[kind]:
            done.wrong[row.n] = "bad_card_number"
        elif digest not in owners:
            owners[digest] = row.student_id
            made[digest] = Card(student_id=row.student_id, kind=kind, digest=digest, added_at=now)
        elif owners[digest] == row.student_id:
            done.unchanged += 1
        else:
            done.wrong[row.n] = "card_is_anothers"
    Card.objects.bulk_create(made.values(), batch_size=1000)
    done.new = len(made)
    if made:
        data = {"new": done.new}
        log_event(actor=actor, action="terminals.card.imported", now=now, data=data)
    return done


@transaction.atomic
def cards_revoke(*, cards: Iterable[Card], now: datetime, actor: Actor) -> int:
    """From now on they count no more; punches of before still do. Returns how many were live."""
    ended = 0
    for card in cards:
        if Card.objects.filter(pk=card.pk, revoked_at=None).update(revoked_at=now):
            ended += 1
            data = {"student": card.student_id}
            log_event(actor=actor, action="terminals.card.revoked", now=now, target=card, data=data)
    return ended
