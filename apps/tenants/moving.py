"""What a campus has sealed, on its way to another installation.

Between the two it is sealed under a key that is in the archive alone: `apps.moving` opens
rows and files under the master key of one installation and seals them under that of the other.
Apps register the rows here that they register in `rotation.py` for a new master key.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.conf import settings

from apps.common.crypto import (
    PLATFORM,
    SealBroken,
    key_under,
    seal_under,
    unseal_older,
    unseal_under,
)

Row = dict[str, Any]
_HEX: Final = "\\x"


@dataclass(frozen=True, kw_only=True)
class Keys:
    """The keys of one campus under one master key."""

    master: bytes
    campus_id: int

    def key(self, purpose: str, *, generation: int = 1) -> bytes:
        return key_under(self.master, purpose, self.campus_id, generation=generation)

    def seal(self, purpose: str, plain: bytes, *, context: bytes = b"") -> bytes:
        return seal_under(self.master, purpose, self.campus_id, plain, context=context)

    def unseal(
        self, purpose: str, sealed: bytes, *, context: bytes = b"", at: datetime | None = None
    ) -> bytes:
        """Raises `SealBroken`. `at`: when it was sealed, for what cannot be sealed anew."""
        if at is not None and self.master == settings.CAMPUS_MASTER_KEY:
            return unseal_older(purpose, self.campus_id, sealed, context=context, at=at)
        return unseal_under(self.master, purpose, self.campus_id, sealed, context=context)


def live_keys(campus_id: int) -> Keys:
    """Those of a campus of this installation."""
    return Keys(master=settings.CAMPUS_MASTER_KEY, campus_id=campus_id)


def travel_keys(master: bytes) -> Keys:
    """Those of an archive."""
    return Keys(master=master, campus_id=PLATFORM)


Reseal = Callable[[Row, Row, Keys, Keys], None]
"""`reseal(row, before, source, target)`: seal what `before` holds under `target`, into `row`.

Both are rows as JSON; `row` has the ids of the target already. What opens under no key of the
source stays as it is: it was damaged before.
"""


@dataclass(frozen=True, kw_only=True)
class MovedRows:
    """A table with sealed columns; they are the only ones that differ after the move."""

    table: str
    columns: tuple[str, ...]
    reseal: Reseal


_moved: dict[str, MovedRows] = {}


def add_moved_rows(name: str, rows: MovedRows) -> None:
    """`name` as in `rotation.add_sealed_rows`. Adding twice counts once."""
    _moved[name] = rows


def moved_rows() -> dict[str, MovedRows]:
    return dict(_moved)


def bytes_of(text: str) -> bytes:
    """Of a binary column, as PostgreSQL writes it into JSON."""
    return bytes.fromhex(text.removeprefix(_HEX))


def text_of(value: bytes) -> str:
    return _HEX + value.hex()


def moved_value(text: str, purpose: str, source: Keys, target: Keys, *, context: bytes) -> str:
    """A sealed binary column of a row as JSON."""
    try:
        plain = source.unseal(purpose, bytes_of(text), context=context)
    except SealBroken:
        return text
    return text_of(target.seal(purpose, plain, context=context))
