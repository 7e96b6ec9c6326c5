"""What a policy makes of head turns."""

from collections.abc import Mapping
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.liveness.judging import Decision, Verdict
from apps.liveness.reasons import TurnProblem


class LivenessUse(models.TextChoices):
    """Whether head turns have to show that a face is no picture; of those whose face is compared.

    `preferred`: asked for, and a photo alone counts too. `required`: a face that was not seen live
    counts as one that could not be compared.
    """

    OFF = "off", _("not used")
    PREFERRED = "preferred", _("asked for; a photo alone counts too")
    REQUIRED = "required", _("required where a face is compared")


def liveness_use(policy: Mapping[str, Any]) -> LivenessUse:
    """Of a policy snapshot; sessions that were opened before there was any hold none."""
    return LivenessUse(policy.get("liveness", LivenessUse.OFF))


def asks_turns(policy: Mapping[str, Any]) -> bool:
    return liveness_use(policy) != LivenessUse.OFF


def seen_live(live: Verdict | None, policy: Mapping[str, Any]) -> tuple[bool | None, str]:
    """What becomes of a face that matched: it passes, fails, or could not be told, and why."""
    use = liveness_use(policy)
    if use != LivenessUse.OFF and live is not None and live.decision == Decision.FAILED:
        return False, live.reason
    if use != LivenessUse.REQUIRED or (live is not None and live.decision == Decision.PASSED):
        return True, ""
    return None, live.reason if live is not None else TurnProblem.NO_TURNS.value
