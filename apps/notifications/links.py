"""Links that open something, asked of whoever makes them while the letter is being sent.

Such a link is as good as a password: it stands in the letter alone, never in the outbox.
"""

from collections.abc import Callable
from typing import Any, Final

from apps.notifications.claims import Claim

# (user id, the message's data) → an absolute address, empty where there is nothing to open
LinkMaker = Callable[[int, dict[str, Any]], str]

_makers: Final[dict[str, LinkMaker]] = {}


def register_link(kind: str, maker: LinkMaker) -> None:
    """Letters of this kind to a person (not to contacts) carry the link that `maker` returns."""
    _makers[kind] = maker


def link_of(claim: Claim) -> str:
    """The link of this letter; empty for kinds without one. Runs in the campus's scope."""
    maker = _makers.get(claim.kind)
    return maker(claim.user_id, claim.data) if maker and not claim.contact else ""
