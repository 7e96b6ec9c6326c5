"""Who comes in by a provider is a person's; the providers themselves are nobody's."""

from apps.identity_providers.models import (
    EmergencyAccount,
    IdentityProvider,
    Leaver,
    ProviderLink,
    ScimClient,
    ScimPerson,
)
from apps.privacy.registry import PersonRows, add_impersonal, add_person_rows, of_user


def register() -> None:
    add_impersonal("identity providers of the campus", IdentityProvider)
    add_impersonal("directories of the campus", ScimClient)
    for model in (ProviderLink, EmergencyAccount, ScimPerson, Leaver):
        add_person_rows(PersonRows(model=model, rows=of_user(), deleted=True))
