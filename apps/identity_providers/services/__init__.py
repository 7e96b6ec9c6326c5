"""Signing in people of a provider."""

from apps.identity_providers.services.admitting import Admission, person_admit

__all__ = ["Admission", "person_admit"]
