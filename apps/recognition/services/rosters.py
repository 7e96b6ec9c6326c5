"""1:N: whose face is it, among the students of a roster? Runs in a `faces` worker.

Only where the campus has permitted searching (apps/privacy), and only among students who agreed to
it. A face that is nobody's of the roster is an answer, not an error.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
from django.db import transaction
from django.utils.translation import gettext as _

from apps.audit.services import Actor
from apps.biometrics.comparing import (
    Matrix,
    MeanDistance,
    Vector,
    held_templates,
    mean_distances,
    plain_templates,
)
from apps.biometrics.models import FaceModel
from apps.biometrics.services.registry import InForce
from apps.biometrics.services.verification import limits_of_mean
from apps.common.errors import Refused
from apps.privacy.selectors import agreed_to_search, search_require
from apps.recognition.services.answers import (
    TOP,
    FaceFound,
    answer_of,
    compared_with,
    doubt_beyond,
    each_once,
    log_search,
    ranked,
    require_faces,
    strict_limits,
    without_changed,
)

LARGEST_ROSTER: Final = 400
"""Each student more is a chance more to be taken for: at this size one stranger in 40 is."""


@dataclass(frozen=True, kw_only=True)
class _Search:
    compared: InForce
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
    model: FaceModel | None = None,
) -> FaceFound:
    """Who of these students a plain vector is; at most `limit` candidates.

    `model` made the vector; the campus's without. The distances are one statement of the database.
    Raises `Refused` (403: face_disabled, or a code of `privacy.search_problems.SearchProblem`; 400:
    roster_too_large; 409: model_changed).
    """
    search = _search(student_ids, model, now=now)
    held = held_templates(
        model=search.compared.model,
        generation=search.compared.generation,
        student_ids=search.student_ids,
    )
    candidates = ranked(mean_distances(vector, held), search.limit_of)
    [found] = without_changed([answer_of(candidates, limit=limit)], search.compared, now=now)
    _write_down(search, [found], actor=actor, now=now)
    return found


@transaction.atomic
def find_matching_students_of_photo(
    *,
    vectors: Matrix,
    student_ids: Sequence[int],
    actor: Actor,
    now: datetime,
    limit: int = TOP,
    model: FaceModel | None = None,
    strict: bool = False,
) -> list[FaceFound]:
    """The same for all faces (n, dimension) of one photo, by one product of matrices.

    Nobody is twice in a photo: where two faces are the same student's, the nearer one is, and the
    other one is doubtful. `strict`: so is whom the limits of a whole campus would not name; raises
    `Refused` (409, model_not_measured) besides.
    """
    search = _search(student_ids, model, now=now)
    _ids, students, templates = plain_templates(
        model=search.compared.model,
        generation=search.compared.generation,
        student_ids=search.student_ids,
    )
    means = _means(vectors, np.array(students, np.int64), templates)
    found = [answer_of(ranked(row, search.limit_of), limit=limit) for row in means]
    if strict:
        found = doubt_beyond(strict_limits(search.compared.model), found)
    found = without_changed(each_once(found), search.compared, now=now)
    _write_down(search, found, actor=actor, now=now)
    return found


def _search(student_ids: Sequence[int], model: FaceModel | None, *, now: datetime) -> _Search:
    require_faces()
    permission = search_require()
    if len(student_ids) > LARGEST_ROSTER:
        message = _("At most %(count)d students can be searched at once.")
        raise Refused("roster_too_large", message % {"count": LARGEST_ROSTER}, status=400)
    agreed = agreed_to_search(permission).filter(student_id__in=student_ids)
    compared = compared_with(model, now=now)
    return _Search(
        compared=compared,
        student_ids=list(agreed.order_by("student_id").values_list("student_id", flat=True)),
        limit_of=limits_of_mean(model=compared.model),
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


def _write_down(search: _Search, found: list[FaceFound], *, actor: Actor, now: datetime) -> None:
    log_search(
        found,
        action="biometrics.search.roster",
        students=len(search.student_ids),
        actor=actor,
        now=now,
    )
