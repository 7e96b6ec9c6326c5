"""Why a face was not seen live, by code and for people. The web process shows them."""

from typing import Any, Final

from django.db import models
from django.utils.translation import gettext_lazy as _


class TurnProblem(models.TextChoices):
    """Flat, another person and used before are definite; the others ask again."""

    NO_TURNS = "no_turns", _("head turns not shown")
    INCOMPLETE = "turns_incomplete", _("not all head turns shown")
    TIMES = "turns_times", _("head turns too fast or too late")
    NOT_STRAIGHT = "turns_not_straight", _("not straight ahead at the beginning of the head turns")
    NOT_FOLLOWED = "turns_not_followed", _("head not turned as asked")
    UNLIKE = "turns_unlike", _("not seen well enough while the head turned")
    FLAT = "turns_flat", _("moved like a flat picture")
    ANOTHER_PERSON = "turns_another_person", _("another person turned the head")
    USED_BEFORE = "turns_used_before", _("pictures that were sent before")


SECOND_OPINION: Final = "second_opinion"  # among measurements: 0 a picture … 1 a live face

DEFINITE: Final[frozenset[str]] = frozenset(
    {TurnProblem.FLAT, TurnProblem.ANOTHER_PERSON, TurnProblem.USED_BEFORE}
)
"""Of a check that failed."""

ADVICE: Final[dict[str, Any]] = {
    TurnProblem.NO_TURNS: _("Turn your head when you are asked to."),
    TurnProblem.INCOMPLETE: _("Follow every turn until the last one."),
    TurnProblem.TIMES: _("Follow the turns as they are shown, without a break."),
    TurnProblem.NOT_STRAIGHT: _("Look straight into the camera before the first turn."),
    TurnProblem.NOT_FOLLOWED: _("Turn your head far enough, to the side that is shown."),
    TurnProblem.UNLIKE: _("Turn your head in good light, and not so far that your face is hidden."),
    TurnProblem.FLAT: _("Show your own face, not a picture of it."),
    TurnProblem.ANOTHER_PERSON: _("Only you may be in front of the camera."),
    TurnProblem.USED_BEFORE: _("Let the camera take new pictures."),
}
