"""Vectors of unknown people under the master key that is in force now."""

from apps.cameras.models import UnknownPerson
from apps.cameras.selectors import UNKNOWN_SEAL
from apps.tenants.moving import Keys, MovedRows, Row, moved_value
from apps.tenants.rotation import resealed_value


def unknown_reseal() -> int:
    done = 0
    for row in UnknownPerson.objects.exclude(sealed_vector=None).order_by("pk"):
        renewed = resealed_value(UNKNOWN_SEAL, bytes(row.sealed_vector or b""))
        if renewed is not None:
            done += UnknownPerson.objects.filter(pk=row.pk).update(sealed_vector=renewed)
    return done


def _unknown_moved(row: Row, before: Row, source: Keys, target: Keys) -> None:
    sealed = before["sealed_vector"]
    if sealed:
        row["sealed_vector"] = moved_value(sealed, UNKNOWN_SEAL, source, target, context=b"")


MOVED_UNKNOWN = MovedRows(
    table=UnknownPerson._meta.db_table, columns=("sealed_vector",), reseal=_unknown_moved
)
