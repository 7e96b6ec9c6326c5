"""Signing keys under the master key that is in force now."""

from apps.lti.models import LtiKey
from apps.lti.selectors import LTI_SEAL, seal_context
from apps.tenants.moving import Keys, MovedRows, Row, moved_value
from apps.tenants.rotation import resealed_value

COLUMN = "sealed_key"


def keys_reseal() -> int:
    done = 0
    for key in LtiKey.objects.order_by("pk"):
        context = seal_context(key.pk)
        renewed = resealed_value(LTI_SEAL, bytes(key.sealed_key), context=context)
        if renewed is not None:
            done += LtiKey.objects.filter(pk=key.pk).update(sealed_key=renewed)
    return done


def _key_moved(row: Row, before: Row, source: Keys, target: Keys) -> None:
    context = seal_context(before["id"])
    row[COLUMN] = moved_value(before[COLUMN], LTI_SEAL, source, target, context=context)


MOVED_KEYS = MovedRows(table=LtiKey._meta.db_table, columns=(COLUMN,), reseal=_key_moved)
