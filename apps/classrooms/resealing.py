"""Secrets of beacons under the master key that is in force now."""

from apps.classrooms.beacons import BEACON_SEAL
from apps.classrooms.models import Beacon
from apps.tenants.moving import Keys, MovedRows, Row, moved_value
from apps.tenants.rotation import resealed_value


def beacons_reseal() -> int:
    done = 0
    for beacon in Beacon.objects.filter(sealed_secret__isnull=False):
        context = beacon.identifier.encode()
        new = resealed_value(BEACON_SEAL, bytes(beacon.sealed_secret or b""), context=context)
        if new is not None:
            done += Beacon.objects.filter(pk=beacon.pk).update(sealed_secret=new)
    return done


def _beacon_moved(row: Row, before: Row, source: Keys, target: Keys) -> None:
    if sealed := before["sealed_secret"]:
        context = before["identifier"].encode()
        row["sealed_secret"] = moved_value(sealed, BEACON_SEAL, source, target, context=context)


MOVED_BEACONS = MovedRows(
    table=Beacon._meta.db_table, columns=("sealed_secret",), reseal=_beacon_moved
)
