"""Secrets of OneRoster services under the master key that is in force now."""

from apps.oneroster.models import OneRosterConnection
from apps.oneroster.selectors import ONEROSTER_SEAL, seal_context
from apps.tenants.moving import Keys, MovedRows, Row, moved_value
from apps.tenants.rotation import resealed_value

COLUMN = "sealed_secret"


def connections_reseal() -> int:
    """Returns how many."""
    done = 0
    for connection in OneRosterConnection.objects.exclude(sealed_secret=None).order_by("pk"):
        assert connection.sealed_secret is not None
        value, context = bytes(connection.sealed_secret), seal_context(connection.pk)
        new = resealed_value(ONEROSTER_SEAL, value, context=context)
        if new is not None:
            done += OneRosterConnection.objects.filter(pk=connection.pk).update(sealed_secret=new)
    return done


def _connection_moved(row: Row, before: Row, source: Keys, target: Keys) -> None:
    if value := before[COLUMN]:
        context = seal_context(before["id"])
        row[COLUMN] = moved_value(value, ONEROSTER_SEAL, source, target, context=context)


MOVED_CONNECTIONS = MovedRows(
    table=OneRosterConnection._meta.db_table, columns=(COLUMN,), reseal=_connection_moved
)
