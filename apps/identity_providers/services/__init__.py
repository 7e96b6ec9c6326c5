"""Signing in people of a provider, and closing the campus to whom its directory has closed."""

from apps.identity_providers.services.admitting import Admission, person_admit
from apps.identity_providers.services.directories import (
    external_id_set,
    person_leaves,
    person_returns,
    scim_client_key_renew,
    scim_client_revoke,
    scim_client_used,
)
from apps.identity_providers.services.federations import (
    metadata_read,
    provider_metadata_read,
    provider_read_anew,
    saml_provider_prepare,
    source_changed,
    source_read_soon,
)
from apps.identity_providers.services.saml_keys import (
    saml_key_ensure,
    saml_key_replace,
    saml_keys_purge,
)
from apps.identity_providers.services.signing_out import (
    provider_name_keep,
    provider_names_purge,
    provider_sessions_end,
)

__all__ = [
    "Admission",
    "external_id_set",
    "metadata_read",
    "person_admit",
    "person_leaves",
    "person_returns",
    "provider_metadata_read",
    "provider_name_keep",
    "provider_names_purge",
    "provider_read_anew",
    "provider_sessions_end",
    "saml_key_ensure",
    "saml_key_replace",
    "saml_keys_purge",
    "saml_provider_prepare",
    "scim_client_key_renew",
    "scim_client_revoke",
    "scim_client_used",
    "source_changed",
    "source_read_soon",
]
