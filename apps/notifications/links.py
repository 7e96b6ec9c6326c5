"""Links that open something, made by other apps while the e-mail is being sent.

Such a link is as good as a password: it is in the e-mail alone, never in the outbox.
"""

from collections.abc import Callable
from typing import Any, Final

from apps.notifications.queue import Lease

# (user id, the message's data) → an absolute address, empty where there is nothing to open
LinkMaker = Callable[[int, dict[str, Any]], str]

_makers: Final[dict[str, LinkMaker]] = {}


def register_link(kind: str, maker: LinkMaker) -> None:
    """E-mails of this kind to a person (not to contacts) carry the link that `maker` returns."""
    _makers[kind] = maker


def link_of(lease: Lease) -> str:
    """The link of this e-mail; empty for kinds without one. Runs in the campus's scope."""
    maker = _makers.get(lease.kind)
    return maker(lease.user_id, lease.data) if maker and not lease.contact else ""
