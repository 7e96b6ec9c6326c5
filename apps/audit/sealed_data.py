"""The sealed part of an entry. MAC and digest of the entry are over the sealed form."""

import json
from base64 import b64decode, b64encode
from typing import Any, Final

from apps.audit.chain import AnyEntry
from apps.common.crypto import SealBroken, seal, unseal_older
from apps.common.ids import moment_of

PURPOSE: Final = "audit-data"  # of the campus key
NAME: Final = "sealed"  # in the entry's data


def seal_data(entry: AnyEntry, private: dict[str, Any]) -> None:
    """Put the private part into the entry's data. It fits this entry of this campus only."""
    plain = json.dumps(private, ensure_ascii=False).encode()
    sealed = seal(PURPOSE, entry.campus_id, plain, context=entry.pk.bytes)
    entry.data = {**entry.data, NAME: b64encode(sealed).decode()}


def has_sealed(entry: AnyEntry) -> bool:
    return isinstance(entry.data, dict) and NAME in entry.data


def open_data(entry: AnyEntry) -> dict[str, Any]:
    """The private part; empty where there is none. Raises `crypto.SealBroken`.

    Also under a master key that was replaced since: an entry cannot be sealed anew.
    """
    if not has_sealed(entry):
        return {}
    try:
        sealed = b64decode(entry.data[NAME], validate=True)
    except (ValueError, TypeError) as error:  # no base64, or no text
        raise SealBroken(PURPOSE) from error
    at = moment_of(entry.pk)
    plain = unseal_older(PURPOSE, entry.campus_id, sealed, context=entry.pk.bytes, at=at)
    found: dict[str, Any] = json.loads(plain)
    return found
