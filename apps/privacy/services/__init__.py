"""Consents, exports, and erasure."""

from apps.privacy.services.consents import consent_give, consent_withdraw
from apps.privacy.services.exporting import person_export
from apps.privacy.services.requests import (
    erasure_approve,
    erasure_ask,
    erasure_hasten,
    erasure_withdraw,
    erasures_start,
)
from apps.privacy.services.searching import search_permission_withdraw, search_permission_write

__all__ = [
    "consent_give",
    "consent_withdraw",
    "erasure_approve",
    "erasure_ask",
    "erasure_hasten",
    "erasure_withdraw",
    "erasures_start",
    "person_export",
    "search_permission_withdraw",
    "search_permission_write",
]
