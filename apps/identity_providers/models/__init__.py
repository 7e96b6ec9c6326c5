"""Identity providers of a campus, federations that publish them, directories, and who they know."""

from apps.identity_providers.models.directories import Leaver, ScimClient, ScimPerson
from apps.identity_providers.models.federations import MetadataSource, SamlKey
from apps.identity_providers.models.providers import (
    EmergencyAccount,
    IdentityProvider,
    ProviderLink,
    ProviderName,
    every_role,
)

__all__ = [
    "EmergencyAccount",
    "IdentityProvider",
    "Leaver",
    "MetadataSource",
    "ProviderLink",
    "ProviderName",
    "SamlKey",
    "ScimClient",
    "ScimPerson",
    "every_role",
]
