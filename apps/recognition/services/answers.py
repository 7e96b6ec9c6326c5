"""What a face is found to be, from how near it is to each student."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from django.utils.translation import gettext as _

from apps.audit.services import SYSTEM, Actor, log_event
from apps.biometrics.comparing import MeanDistance
from apps.biometrics.models import FaceModel, FaceTemplate
from apps.biometrics.selectors import threshold_for
from apps.biometrics.services.registry import InForce, in_force
from apps.biometrics.vectors import is_intact
from apps.common.errors import Refused
from apps.tenants.models import Campus
from apps.tenants.scope import current_campus_id

TOP: Final = 10
CLEAR: Final = 0.05
"""By which the second best student must be further away, measured from each one's limit. In rosters
of 60 (LFW, one template each) it lowers wrong names from 2.8 to 2.0 in 10,000, and leaves 3 in
10,000 faces doubtful."""


class FaceAnswer(StrEnum):
    KNOWN = "known"
    DOUBTFUL = "doubtful"  # near enough to two people, or to a template that was changed
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Candidate(MeanDistance):
    """A student of the roster, and how near the face is to their templates."""

    limit: float  # up to which it counts as the same person

    @property
    def excess(self) -> float:
        """Above the limit; at most 0 is a match."""
        return self.distance - self.limit


@dataclass(frozen=True, kw_only=True)
class FaceFound:
    """What a face was found to be; the nearest students first, matches or not."""

    answer: FaceAnswer
    candidates: tuple[Candidate, ...]

    @property
    def student_id(self) -> int | None:
        return self.candidates[0].student_id if self.answer == FaceAnswer.KNOWN else None


def require_faces() -> None:
    """Raises `Refused` (403, face_disabled) where faces are off."""
    if not Campus.objects.filter(pk=current_campus_id(), face_enabled=True).exists():
        raise Refused("face_disabled", _("Face verification is off on this campus."), status=403)


def compared_with(model: FaceModel | None, *, now: datetime) -> InForce:
    """What the campus compares with now; vectors of another `model` are refused (409,
    model_changed), since they would be near to nobody or to anybody."""
    present = in_force(now=now)
    if model is not None and model != present.model:
        message = _("The campus went over to another face model meanwhile. Try again.")
        raise Refused("model_changed", message)
    return present


def strict_limits(model: FaceModel) -> Callable[[int], float]:
    """Number of templates → limit at FMR 1e-6: where everybody of a campus is compared, or whoever
    passes a camera, all day and unasked. Raises `Refused` (409, model_not_measured)."""
    if not model.campus_margins:
        message = _("No limits for searching a campus are known of the face model %(model)s.")
        raise Refused("model_not_measured", message % {"model": model})
    threshold, margins = threshold_for(model=model), model.campus_margins
    return lambda templates: threshold + float(margins[min(templates, len(margins)) - 1])


def ranked(means: list[MeanDistance], limit_of: Callable[[int], float]) -> list[Candidate]:
    candidates = [Candidate(**vars(mean), limit=limit_of(mean.templates)) for mean in means]
    return sorted(candidates, key=lambda each: (each.excess, each.student_id))


def answer_of(candidates: list[Candidate], *, limit: int) -> FaceFound:
    """By the two nearest, of which `limit` are listed."""
    answer = FaceAnswer.UNKNOWN
    if candidates and candidates[0].excess <= 0:
        answer = FaceAnswer.KNOWN
        if len(candidates) > 1 and candidates[1].excess - candidates[0].excess < CLEAR:
            answer = FaceAnswer.DOUBTFUL
    return FaceFound(answer=answer, candidates=tuple(candidates[:limit]))


def each_once(found: list[FaceFound]) -> list[FaceFound]:
    nearest: dict[int | None, FaceFound] = {}
    for face in sorted(
        found, key=lambda each: each.candidates[0].distance if each.candidates else 2
    ):
        nearest.setdefault(face.student_id, face)
    return [_doubted(face, face is not nearest[face.student_id]) for face in found]


def doubt_beyond(limit_of: Callable[[int], float], found: list[FaceFound]) -> list[FaceFound]:
    """Whoever is named at a larger distance is doubtful."""

    def is_beyond(nearest: Candidate) -> bool:
        return nearest.distance > limit_of(nearest.templates)

    return [
        _doubted(face, bool(face.candidates) and is_beyond(face.candidates[0])) for face in found
    ]


def _doubted(face: FaceFound, doubt: bool) -> FaceFound:
    if face.student_id is None or not doubt:
        return face
    return FaceFound(answer=FaceAnswer.DOUBTFUL, candidates=face.candidates)


def without_changed(found: list[FaceFound], compared: InForce, *, now: datetime) -> list[FaceFound]:
    """Nobody is named by a template that was changed behind our back; one statement."""
    named = {face.student_id for face in found if face.student_id is not None}
    templates = FaceTemplate.objects.filter(
        student_id__in=named, model=compared.model, key_generation=compared.generation
    )
    changed = [template for template in templates if not is_intact(template)] if named else []
    for template in changed:
        log_event(actor=SYSTEM, action="biometrics.template.damaged", now=now, target=template)
    owners = {template.student_id for template in changed}
    return [_doubted(face, face.student_id in owners) for face in found]


def log_search(
    found: list[FaceFound], *, action: str, students: int, actor: Actor, now: datetime
) -> None:
    """Who searched among how many, and what came of it; neither names nor distances."""
    answers = [face.answer for face in found]
    data = {
        "students": students,
        "faces": len(found),
        **{answer.value: answers.count(answer) for answer in FaceAnswer},
    }
    log_event(actor=actor, action=action, now=now, data=data)
