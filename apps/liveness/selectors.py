"""What was found in head turns, for who has to decide."""

from collections.abc import Collection
from typing import Final

from django.utils.translation import gettext_lazy

from apps.liveness.models import LivenessCheck
from apps.liveness.reasons import SECOND_OPINION

EVEN: Final = 0.5

LOOKS_LIVE: Final = gettext_lazy("A program’s second opinion, often wrong: a live face.")
LOOKS_LIKE_A_PICTURE: Final = gettext_lazy(
    "A program’s second opinion, often wrong: a picture of a face."
)


def second_opinions(*, references: Collection[str]) -> dict[str, str]:
    """In words, by reference, of the checks that have one. One statement."""
    rows = LivenessCheck.objects.filter(
        reference__in=references, measurements__has_key=SECOND_OPINION
    )
    return {
        reference: str(LOOKS_LIVE if found[SECOND_OPINION] >= EVEN else LOOKS_LIKE_A_PICTURE)
        for reference, found in rows.values_list("reference", "measurements")
    }
