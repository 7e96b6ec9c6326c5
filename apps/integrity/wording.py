"""Signs as sentences in the reader's language. They state facts, never a verdict."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from django.utils.translation import gettext_lazy as _l

from apps.accounts.models import Student
from apps.integrity.models import Sign, SignKind

TEXTS: Final[dict[str, Any]] = {
    SignKind.SLOW_REDEEM: _l(
        "Scanned %(delay)s s after the code appeared; the class's limit is %(limit)s s."
    ),
    SignKind.FAR_AWAY: _l("The phone's position was at least 200 m from the room."),
    SignKind.CLOCK_DRIFT: _l("The phone's clock was %(drift_s)s s away from the code it scanned."),
    SignKind.OTHER_DEVICE: _l("Attempts with another device than the bound one: %(tries)s."),
    SignKind.SAME_FIX: _l("The very same position, to the millimetre, as %(others)s."),
    SignKind.SHARED_DEVICE: _l("One device signed for this student and for %(others)s."),
    SignKind.MOCK_LOCATION: _l("The phone says that an app made its position up."),
    SignKind.TOGETHER: _l(
        "Arrived within 3 seconds of %(others)s, from one address, in %(times)s of %(of)s sessions."
    ),
    SignKind.BURST_FAILED: _l(
        "Scanned %(redeemed)s of 5 codes of the burst in time; 4 are needed."
    ),
    SignKind.BURST_PASSED: _l("Scanned %(redeemed)s of 5 codes of the burst in time."),
    SignKind.COPIED_PHOTO: _l("Sent a photo that was enrolled or that somebody else had sent."),
    SignKind.OFFLINE: _l("Checked in without network; it was sent later."),
}


def names_in(signs: Iterable[Sign]) -> dict[int, str]:
    """Names of the other students that these signs speak of. One statement."""
    others = {pk for sign in signs for pk in sign.detail.get("students", ())}
    return {student.pk: str(student) for student in Student.objects.filter(pk__in=others)}


def wording(sign: Sign, names: Mapping[int, str]) -> str:
    """What was noticed, with its figures. `names` comes from `names_in`."""
    facts = dict(sign.detail)
    facts["others"] = ", ".join(names.get(pk, "?") for pk in facts.get("students", ()))
    for name in ("delay", "limit"):
        facts[name] = f"{facts.get(f'{name}_ms', 0) / 1000:.1f}"
    return str(TEXTS[sign.kind]) % facts
