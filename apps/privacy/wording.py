"""What people agree to. Change a text, raise its version: the old one is then asked anew."""

from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.privacy.models import Consent, SearchPermission

PART: Final = "+"  # in a version: another text follows, of this mark
SEARCH_MARK: Final = "s"  # of the text of searching, with its version


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


def parts(version: str) -> set[str]:
    """What somebody has read who agreed to this version: the wording and what followed it."""
    return set(version.split(PART))


def search_text(permission: SearchPermission) -> str:
    """What a student reads of it with the consent."""
    among = {
        SearchPermission.Covers.ROSTER: gettext("the students of my class"),
        SearchPermission.Covers.CAMPUS: gettext("everybody of my campus"),
    }
    text = gettext(
        "My campus may also look for my face in photos, among %(among)s. Purpose: %(purpose)s "
        "Legal basis: %(basis)s Impact assessment: %(day)s, %(owner)s. Instead, for those who do "
        "not agree: %(alternative)s Before a result counts, it is looked at by: %(reviewers)s "
        "Photos and results are kept for %(days)s days."
    ) % {
        "among": among[SearchPermission.Covers(permission.covers)],
        "purpose": _sentence(permission.purpose),
        "basis": _sentence(permission.legal_basis),
        "day": permission.assessed_on,
        "owner": permission.assessment_owner,
        "alternative": _sentence(permission.alternative),
        "reviewers": _sentence(permission.reviewers),
        "days": permission.retention_days,
    }
    if not permission.cameras:
        return text
    by_cameras = gettext("Cameras in rooms do so too, by themselves: %(notice)s")
    return f"{text} {by_cameras % {'notice': _sentence(permission.camera_notice)}}"


def _sentence(text: str) -> str:
    text = text.strip()
    return text if text.endswith((".", "!", "?")) else f"{text}."
