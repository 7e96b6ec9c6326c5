"""The campus's key of cards under the master key that is in force now.

The key itself stays, and with it every hash of a card: nobody has to read cards again.
"""

from apps.tenants.moving import Keys, MovedRows, Row, moved_value
from apps.tenants.rotation import resealed_value
from apps.terminals.models import CardKey
from apps.terminals.selectors import CARD_SEAL


def card_keys_reseal() -> int:
    done = 0
    for row in CardKey.objects.order_by("pk"):
        renewed = resealed_value(CARD_SEAL, bytes(row.sealed_key))
        if renewed is not None:
            done += CardKey.objects.filter(pk=row.pk).update(sealed_key=renewed)
    return done


def _card_key_moved(row: Row, before: Row, source: Keys, target: Keys) -> None:
    row["sealed_key"] = moved_value(before["sealed_key"], CARD_SEAL, source, target, context=b"")


MOVED_CARD_KEYS = MovedRows(
    table=CardKey._meta.db_table, columns=("sealed_key",), reseal=_card_key_moved
)
