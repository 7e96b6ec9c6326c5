"""What people agree to. Change a text, raise its version: the old one is then asked anew."""

from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from apps.privacy.models import Consent


@dataclass(frozen=True, kw_only=True)
class Wording:
    version: str
    text: Any  # lazily translated


WORDINGS: Final[dict[str, Wording]] = {
    Consent.Kind.FACE: Wording(
        version="2026-2",
        text=_(
            "I agree that my campus computes a face template from the photos that I give for it, "
            "and compares my check-in selfies with it to confirm that I am in class. Photos and "
            "templates are encrypted, stay on this campus, and are deleted when my last enrolment "
            "has ended, at the latest after the number of days that is shown with this text. "
            "I may withdraw at any time: photos and templates are then erased, and I check in "
            "without a face, which counts the same."
        ),
    )
}
