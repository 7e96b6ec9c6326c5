"""The key of a directory, and whose it is."""

from apps.identity_providers.models import ScimClient
from apps.tenants.key_tokens import KeyToken


class ScimToken(KeyToken):
    prefix = "scim_"


def client_found(*, text: str) -> ScimClient | None:
    """Whose key this is; None for any other text."""
    token = ScimToken.of(text)
    if token is None:
        return None
    client = ScimClient.objects.filter(lookup=token.lookup, revoked_at=None).first()
    return client if client and token.proves(client.digest) else None
