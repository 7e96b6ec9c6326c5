"""The secrets of clients, sealed under the campus's key."""

from typing import Final

from apps.common.crypto import SealBroken, seal, unseal
from apps.identity_providers.models import IdentityProvider
from apps.tenants.scope import current_campus_id

PROVIDER_SEAL: Final = "identity-provider-secret"


def _context(row_id: object) -> bytes:
    return str(row_id).encode()


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
