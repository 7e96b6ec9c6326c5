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

__all__ = [
    "Admission",
    "external_id_set",
    "person_admit",
    "person_leaves",
    "person_returns",
    "scim_client_key_renew",
    "scim_client_revoke",
    "scim_client_used",
]
