"""Who comes in by a provider is a person's; the providers themselves are nobody's."""

from apps.identity_providers.models import (
    EmergencyAccount,
    IdentityProvider,
    Leaver,
    MetadataSource,
    ProviderLink,
    ProviderName,
    SamlKey,
    ScimClient,
    ScimPerson,
)
from apps.privacy.registry import PersonRows, add_impersonal, add_person_rows, of_user


def register() -> None:
    add_impersonal("identity providers of the campus", IdentityProvider)
    add_impersonal("federations", MetadataSource)
    add_impersonal("keys for SAML providers", SamlKey)
    add_impersonal("directories of the campus", ScimClient)
    for model in (ProviderLink, ProviderName, EmergencyAccount, ScimPerson, Leaver):
        add_person_rows(PersonRows(model=model, rows=of_user(), deleted=True))
