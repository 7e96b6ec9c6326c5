"""Calendar tokens: "<campus id>-<43 characters of secret>".

Calendar programs send no sign-in and may ask at a host that belongs to no campus, so the token
names its campus. That opens nothing: the row is found by the keyed hash of the whole token.
"""

import hmac
import re
from collections.abc import Iterator
from typing import Final

from django.http import HttpRequest

from apps.common.crypto import keyed_hash, older_keys
from apps.tenants.scope import current_campus_id
from apps.tenants.selectors import campus_is_open

PURPOSE: Final = "calendar-link"
PATH: Final = re.compile(r"^/calendar/(?P<campus>[1-9][0-9]{0,17})-[\w-]{43}\.ics$", re.ASCII)


def token_for(secret: str) -> str:
    return f"{current_campus_id()}-{secret}"


def token_hash(token: str) -> bytes:
    return keyed_hash(PURPOSE, current_campus_id(), token.encode())


def token_hashes(token: str) -> Iterator[bytes]:
    """Under the master key, then under those that were replaced: the token itself is not kept."""
    yield token_hash(token)
    for key in older_keys(PURPOSE, current_campus_id()):
        yield hmac.digest(key, token.encode(), "sha256")


def by_calendar_token(request: HttpRequest) -> int | None:
    """Campus resolver for feeds at hosts that belong to no campus."""
    found = PATH.match(request.path)
    if found is None:
        return None
    campus_id = int(found["campus"])
    return campus_id if campus_is_open(campus_id=campus_id) else None
