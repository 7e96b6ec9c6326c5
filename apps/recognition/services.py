"""1:N: whose face is it, among the students of a roster? Runs in a `faces` worker.

Only where the campus has permitted searching (apps/privacy), and only among students who agreed to
it. A face that is nobody's of the roster is an answer, not an error.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

import numpy as np
from django.db import transaction
from django.utils.translation import gettext as _

from apps.audit.services import SYSTEM, Actor, log_event
from apps.biometrics.comparing import (
    Matrix,
    MeanDistance,
    Vector,
    held_templates,
    mean_distances,
    plain_templates,
)
from apps.biometrics.models import FaceModel, FaceTemplate
from apps.biometrics.selectors import key_generation
from apps.biometrics.services.registry import add_default_model
from apps.biometrics.services.verification import limits_of_mean
from apps.biometrics.vectors import is_intact
from apps.common.errors import Refused
from apps.privacy.selectors import agreed_to_search, search_require
from apps.tenants.models import Campus
from apps.tenants.scope import current_campus_id

TOP: Final = 10
LARGEST_ROSTER: Final = 400
"""Each student more is a chance more to be taken for: at this size one stranger in 40 is."""
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


@dataclass(frozen=True, kw_only=True)
class _Search:
    model: FaceModel
    generation: int
    student_ids: list[int]
    limit_of: Callable[[int], float]


@transaction.atomic
def find_matching_students(
    *,
    vector: Vector,
    student_ids: Sequence[int],
    actor: Actor,
    now: datetime,
    limit: int = TOP,
) -> FaceFound:
    """Who of these students a plain vector is; at most `limit` candidates.

    The distances are one statement of the database. Raises `Refused` (403: face_disabled, or a code
    of `privacy.search_problems.SearchProblem`; 400: roster_too_large).
    """
    search = _search(student_ids, now=now)
    held = held_templates(
        model=search.model, generation=search.generation, student_ids=search.student_ids
    )
    candidates = _ranked(mean_distances(vector, held), search)[:limit]
    [found] = _without_changed([_answer(candidates)], search, now=now)
    _write_down(search, [found], actor=actor, now=now)
    return found


@transaction.atomic
def find_matching_students_of_photo(
    *, vectors: Matrix, student_ids: Sequence[int], actor: Actor, now: datetime, limit: int = TOP
) -> list[FaceFound]:
    """The same for all faces (n, dimension) of one photo, by one product of matrices.

    Nobody is twice in a photo: where two faces are the same student's, the nearer one is, and the
    other one is doubtful.
    """
    search = _search(student_ids, now=now)
    _ids, students, templates = plain_templates(
        model=search.model, generation=search.generation, student_ids=search.student_ids
    )
    means = _means(vectors, np.array(students, np.int64), templates)
    found = [_answer(_ranked(row, search)[:limit]) for row in means]
    found = _without_changed(_each_once(found), search, now=now)
    _write_down(search, found, actor=actor, now=now)
    return found


def _search(student_ids: Sequence[int], *, now: datetime) -> _Search:
    if not Campus.objects.filter(pk=current_campus_id(), face_enabled=True).exists():
        raise Refused("face_disabled", _("Face verification is off on this campus."), status=403)
    permission = search_require()
    if len(student_ids) > LARGEST_ROSTER:
        message = _("At most %(count)d students can be searched at once.")
        raise Refused("roster_too_large", message % {"count": LARGEST_ROSTER}, status=400)
    agreed = agreed_to_search(permission).filter(student_id__in=student_ids)
    model = add_default_model(now=now)
    return _Search(
        model=model,
        generation=key_generation(),
        student_ids=list(agreed.order_by("student_id").values_list("student_id", flat=True)),
        limit_of=limits_of_mean(model=model),
    )


def _means(vectors: Matrix, students: np.ndarray, templates: Matrix) -> list[list[MeanDistance]]:
    """For each face, the mean distance to each student."""
    who, place, counts = np.unique(students, return_inverse=True, return_counts=True)
    distances = 1.0 - vectors.astype(np.float64) @ templates.astype(np.float64).T
    sums = np.zeros((len(vectors), len(who)))
    np.add.at(sums.T, place, distances.T)
    return [
        [
            MeanDistance(student_id=int(s), distance=float(d), templates=int(n))
            for s, d, n in zip(who, row, counts, strict=True)
        ]
        for row in sums / np.maximum(counts, 1)
    ]


def _ranked(means: list[MeanDistance], search: _Search) -> list[Candidate]:
    candidates = [Candidate(**vars(mean), limit=search.limit_of(mean.templates)) for mean in means]
    return sorted(candidates, key=lambda each: (each.excess, each.student_id))


def _answer(candidates: list[Candidate]) -> FaceFound:
    answer = FaceAnswer.UNKNOWN
    if candidates and candidates[0].excess <= 0:
        answer = FaceAnswer.KNOWN
        if len(candidates) > 1 and candidates[1].excess - candidates[0].excess < CLEAR:
            answer = FaceAnswer.DOUBTFUL
    return FaceFound(answer=answer, candidates=tuple(candidates))


def _each_once(found: list[FaceFound]) -> list[FaceFound]:
    nearest: dict[int | None, FaceFound] = {}
    for face in sorted(
        found, key=lambda each: each.candidates[0].distance if each.candidates else 2
    ):
        nearest.setdefault(face.student_id, face)
    return [_doubted(face, face is not nearest[face.student_id]) for face in found]


def _doubted(face: FaceFound, doubt: bool) -> FaceFound:
    if face.student_id is None or not doubt:
        return face
    return FaceFound(answer=FaceAnswer.DOUBTFUL, candidates=face.candidates)


def _without_changed(found: list[FaceFound], search: _Search, *, now: datetime) -> list[FaceFound]:
    """Nobody is named by a template that was changed behind our back; one statement."""
    named = {face.student_id for face in found if face.student_id is not None}
    templates = FaceTemplate.objects.filter(
        student_id__in=named, model=search.model, key_generation=search.generation
    )
    changed = [template for template in templates if not is_intact(template)] if named else []
    for template in changed:
        log_event(actor=SYSTEM, action="biometrics.template.damaged", now=now, target=template)
    owners = {template.student_id for template in changed}
    return [_doubted(face, face.student_id in owners) for face in found]


def _write_down(search: _Search, found: list[FaceFound], *, actor: Actor, now: datetime) -> None:
    """Who searched among how many, and what came of it; neither names nor distances."""
    answers = [face.answer for face in found]
    data = {
        "students": len(search.student_ids),
        "faces": len(found),
        **{answer.value: answers.count(answer) for answer in FaceAnswer},
    }
    log_event(actor=actor, action="biometrics.search.roster", now=now, data=data)
