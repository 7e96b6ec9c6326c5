"""The secrets of clients, sealed under the campus's key."""

from typing import Final

from apps.common.crypto import SealBroken, seal, unseal
from apps.identity_providers.models import IdentityProvider
from apps.tenants.moving import Keys, MovedRows, Row, moved_value
from apps.tenants.rotation import resealed_value
from apps.tenants.scope import current_campus_id

PROVIDER_SEAL: Final = "identity-provider-secret"
COLUMN: Final = "sealed_secret"


def _context(provider_id: object) -> bytes:
    return str(provider_id).encode()


def sealed_secret(provider: IdentityProvider, secret: str) -> bytes:
    context = _context(provider.pk)
    return seal(PROVIDER_SEAL, current_campus_id(), secret.encode(), context=context)


def client_secret(provider: IdentityProvider) -> str:
    """ "" where there is none, or where it cannot be opened any more: the provider then refuses."""
    if not provider.sealed_secret:
        return ""
    value, context = bytes(provider.sealed_secret), _context(provider.pk)
    try:
        return unseal(PROVIDER_SEAL, current_campus_id(), value, context=context).decode()
    except SealBroken:
        return ""


def providers_reseal() -> int:
    """Under the master key that is in force now; returns how many."""
    done = 0
    for provider in IdentityProvider.objects.exclude(sealed_secret=None).order_by("pk"):
        assert provider.sealed_secret is not None
        value, context = bytes(provider.sealed_secret), _context(provider.pk)
        new = resealed_value(PROVIDER_SEAL, value, context=context)
        if new is not None:
            done += IdentityProvider.objects.filter(pk=provider.pk).update(sealed_secret=new)
    return done


def _provider_moved(row: Row, before: Row, source: Keys, target: Keys) -> None:
    if value := before[COLUMN]:
        context = _context(before["id"])
        row[COLUMN] = moved_value(value, PROVIDER_SEAL, source, target, context=context)


MOVED_PROVIDERS = MovedRows(
    table=IdentityProvider._meta.db_table, columns=(COLUMN,), reseal=_provider_moved
)
