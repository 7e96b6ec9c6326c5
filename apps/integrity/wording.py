"""Findings as sentences in the reader's language. They state facts, never a judgement."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from django.utils.translation import gettext_lazy

from apps.accounts.models import Student
from apps.integrity.models import Finding, FindingKind

TEXTS: Final[dict[str, Any]] = {
    FindingKind.SLOW_REDEEM: gettext_lazy(
        "Scanned %(delay)s s after the code appeared; the class's limit is %(limit)s s."
    ),
    FindingKind.FAR_AWAY: gettext_lazy("The phone's position was at least 200 m from the room."),
    FindingKind.CLOCK_DRIFT: gettext_lazy(
        "The phone's clock was %(drift_s)s s away from the code it scanned."
    ),
    FindingKind.OTHER_DEVICE: gettext_lazy(
        "Attempts with another device than the bound one: %(tries)s."
    ),
    FindingKind.SAME_FIX: gettext_lazy("The very same position, to the millimetre, as %(others)s."),
    FindingKind.SHARED_DEVICE: gettext_lazy(
        "One device signed for this student and for %(others)s."
    ),
    FindingKind.MOCK_LOCATION: gettext_lazy("The phone says that an app sets a false position."),
    FindingKind.TOGETHER: gettext_lazy(
        "Arrived within 3 seconds of %(others)s, from one address, in %(times)s of %(of)s sessions."
    ),
    FindingKind.RAPID_CODE_FAILED: gettext_lazy(
        "Scanned %(redeemed)s of 5 codes of the challenge in time; 4 are needed."
    ),
    FindingKind.RAPID_CODE_PASSED: gettext_lazy(
        "Scanned %(redeemed)s of 5 codes of the challenge in time."
    ),
    FindingKind.COPIED_PHOTO: gettext_lazy(
        "Sent a photo that was enrolled or that somebody else had sent."
    ),
    FindingKind.SAME_BROWSER: gettext_lazy(
        "A browser bound that day that cannot be told from that of %(others)s: same address, "
        "kind, screen and place, within a minute."
    ),
    FindingKind.DEVICE_CHANGED: gettext_lazy("Another device was bound %(hours)s hours before."),
    FindingKind.ONE_CLASS_KEYS: gettext_lazy(
        "%(keys)s earlier devices or browsers were used for one class each."
    ),
    FindingKind.SYNCED_PASSKEY: gettext_lazy(
        "A passkey of this student was used in two places, or on two devices, within "
        "%(minutes)s minutes."
    ),
    FindingKind.CARD_AND_PHONE: gettext_lazy(
        "The card was read in the room while the phone said that it was at least 200 m away."
    ),
    FindingKind.OFFLINE: gettext_lazy("Checked in without network; it was sent later."),
}


def names_in(findings: Iterable[Finding]) -> dict[int, str]:
    """Names of the other students that these findings speak of. One statement."""
    others = {pk for finding in findings for pk in finding.detail.get("students", ())}
    return {student.pk: str(student) for student in Student.objects.filter(pk__in=others)}


def wording(finding: Finding, names: Mapping[int, str]) -> str:
    """What was noticed, with its figures. `names` comes from `names_in`."""
    facts = dict(finding.detail)
    facts["others"] = ", ".join(names.get(pk, "?") for pk in facts.get("students", ()))
    for name in ("delay", "limit"):
        facts[name] = f"{facts.get(f'{name}_ms', 0) / 1000:.1f}"
    return str(TEXTS[finding.kind]) % facts
