"""Secrets of rotating codes under the master key that is in force now."""

from apps.common.cache import invalidate
from apps.qr_otp.models import QrSecret
from apps.qr_otp.selectors import QR_SEAL, secret_cache_key
from apps.tenants.moving import Keys, MovedRows, Row, moved_value
from apps.tenants.rotation import resealed_value


def secrets_reseal() -> int:
    done = 0
    for secret in QrSecret.objects.order_by("pk"):
        new = resealed_value(QR_SEAL, bytes(secret.sealed_secret), context=secret.subject.encode())
        if new is not None:
            done += QrSecret.objects.filter(pk=secret.pk).update(sealed_secret=new)
            invalidate(secret_cache_key(secret.purpose, secret.subject))  # it is cached sealed
    return done


def _secret_moved(row: Row, before: Row, source: Keys, target: Keys) -> None:
    context = before["subject"].encode()
    sealed = moved_value(before["sealed_secret"], QR_SEAL, source, target, context=context)
    row["sealed_secret"] = sealed


MOVED_SECRETS = MovedRows(
    table=QrSecret._meta.db_table, columns=("sealed_secret",), reseal=_secret_moved
)
