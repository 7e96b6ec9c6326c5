"""The link that opens the set-up page: 256 random bits, good for an hour and for one set-up.

Of the link only a hash is kept, and in the cache: what is lost there is printed anew
(docs/decisions/0053). That it works once is the database's doing: it opens nothing any more when
there is a super administrator.
"""

import hashlib
import hmac
import secrets
from datetime import datetime
from typing import Final

from django.core.cache import cache
from django.utils.translation import gettext as _

from apps.audit.services import Actor, log_platform_event
from apps.common.cache import invalidate
from apps.common.errors import Refused
from apps.ops.first_hour.campuses import is_set_up

GOOD_FOR_SECONDS: Final = 3600
_KEY: Final = "ops:set-up-link"


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def setup_link_make(*, now: datetime, actor: Actor) -> str:
    """A new token; the one before is worth nothing. Raises `Refused`.

    `set_up_already` where somebody administers the installation, `cache_unavailable` where the
    token could not be kept.
    """
    if is_set_up():
        message = _("This installation has a super administrator: sign in at /admin/.")
        raise Refused("set_up_already", message)
    token = secrets.token_urlsafe(32)
    cache.set(_KEY, _digest(token), GOOD_FOR_SECONDS)
    if cache.get(_KEY) != _digest(token):
        message = _("Valkey does not answer, which keeps the link. Start it and try again.")
        raise Refused("cache_unavailable", message, status=503)
    log_platform_event(actor=actor, action="platform.set_up.link_made", now=now)
    return token


def setup_link_is_good(*, token: str) -> bool:
    """Whether this token opens the set-up page now."""
    kept = cache.get(_KEY)
    known = kept if isinstance(kept, str) else ""
    matches = hmac.compare_digest(known, _digest(token))
    return matches and not is_set_up()


def setup_link_end() -> None:
    """The link is used up: at once, and again when the transaction has committed."""
    invalidate(_KEY)
