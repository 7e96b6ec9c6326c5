"""How often passwords and codes may be guessed: from one place, and by all strangers together.

A place is a known device (see `known_devices`), else the address (of IPv6 the /64). Strangers are
those who come neither from a known device nor from an address at which the account is signed in:
all of them share one count, over all addresses and campuses. The owner's own devices are never
among them, so that nobody can keep the owner out by guessing.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.usersessions.models import UserSession
from django.http import HttpRequest
from django.utils.translation import gettext as _

from apps.common.errors import TooMany
from apps.common.guesses import GuessLimit, guess_wait, guesses_forget
from apps.common.http import address_group, client_address
from apps.signin.known_devices import device_of_request
from apps.tenants.middleware import refuse


@dataclass(frozen=True, kw_only=True)
class Secret:
    """Something that can be guessed, and the limits on that."""

    name: str
    by_place: GuessLimit
    by_strangers: GuessLimit


PASSWORD: Final = Secret(
    name="password",
    by_place=GuessLimit(free=5, first=60, longest=15 * 60),
    by_strangers=GuessLimit(free=20, first=30, longest=15 * 60),
)
# Six digits: rarer, for who guesses here knows the password already.
CODE: Final = Secret(
    name="code",
    by_place=GuessLimit(free=5, first=60, longest=60 * 60),
    by_strangers=GuessLimit(free=20, first=60, longest=60 * 60),
)
# A mail on request is no guess, but a nuisance in numbers. Its owner has got the ones before.
PASSWORD_LINK: Final = Secret(
    name="password_link",
    by_place=GuessLimit(free=5, first=60, longest=60 * 60),
    by_strangers=GuessLimit(free=20, first=60, longest=60 * 60),
)


@dataclass(frozen=True)
class Place:
    """Where a guess comes from. `key` is empty where the address cannot be told."""

    key: str
    is_known: bool


def place_of(request: HttpRequest, *, account: str) -> Place:
    device = device_of_request(request)
    if device is not None and device.knows(account):
        return Place(f"device:{device.name}", is_known=True)
    group = address_group(client_address(request))
    if group is None:
        return Place("", is_known=False)
    return Place(f"address:{group}", is_known=group in _signed_in_at(account))


def _signed_in_at(account: str) -> set[str | None]:
    used = UserSession.objects.filter(user__email=account).values_list("ip", flat=True)
    return {address_group(address) for address in used.distinct()[:500]}


def guess_begin(request: HttpRequest, *, secret: Secret, account: str) -> None:
    """Before the secret is compared; raises `TooMany` (too_many_attempts)."""
    account = account.strip().lower()
    for key, limit in _counts(request, secret, account):
        wait = guess_wait(key, limit=limit, now=time.time())
        if wait:
            raise TooMany("too_many_attempts", _wait_text(wait), retry_after=wait)


def guess_or_stop(request: HttpRequest, *, secret: Secret, account: str) -> None:
    """`guess_begin`, with a refusal as the answer to the request: 429 with Retry-After."""
    try:
        guess_begin(request, secret=secret, account=account)
    except TooMany as refusal:
        raise ImmediateHttpResponse(refuse(request, refusal)) from refusal


def guess_right(request: HttpRequest, *, secret: Secret, account: str) -> None:
    """The secret was right: the counts that this guess was part of start anew."""
    for key, _limit in _counts(request, secret, account.strip().lower()):
        guesses_forget(key)


def _counts(request: HttpRequest, secret: Secret, account: str) -> Iterator[tuple[str, GuessLimit]]:
    """The place first: what is refused there takes no try from the others."""
    place = place_of(request, account=account)
    named = f"guesses:{secret.name}:{sha256(account.encode()).hexdigest()}"
    if place.key:
        yield f"{named}:{place.key}", secret.by_place
    if not place.is_known:
        yield f"{named}:strangers", secret.by_strangers


def _wait_text(seconds: int) -> str:
    if seconds <= 60:
        return _("Too many attempts. Wait a minute and try again.")
    return _("Too many attempts. Try again in %(minutes)d minutes.") % {
        "minutes": -(-seconds // 60)
    }
