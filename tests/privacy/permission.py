"""A campus that has written down why and how faces may be searched."""

from datetime import date, datetime
from typing import Any, Final

from apps.audit.services import SYSTEM
from apps.privacy.models import SearchPermission
from apps.privacy.services import search_permission_write

PERMISSION: Final[dict[str, Any]] = {
    "covers": "roster",
    "purpose": "To take the register of a large class by one photo.",
    "legal_basis": "Consent, Article 9 (2) (a) GDPR",
    "assessed_on": date(2026, 9, 1),
    "assessment_owner": "Data protection officer",
    "alternative": "The lecturer calls the names.",
    "reviewers": "The lecturer of the class",
    "retention_days": 7,
}


def permit_search(now: datetime, **changes: Any) -> SearchPermission:
    """The entered campus writes down the next version; the sample has no gaps."""
    values = {**PERMISSION, **changes}
    return search_permission_write(now=now, actor=SYSTEM, **values)
