"""1:N among all students of a campus: for administrators and cameras. Runs in a `faces` worker.

Only where the permission to search names the whole campus. Limits are those of FMR 1e-6: every
stranger is compared with everybody.
"""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from weakref import WeakKeyDictionary

import numpy as np
from django.db import transaction
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from apps.audit.services import Actor
from apps.biometrics.campus_faces import CampusFaces, campus_faces
from apps.biometrics.comparing import Matrix, MeanDistance
from apps.biometrics.models import FaceModel, FaceTemplate
from apps.biometrics.services.registry import InForce
from apps.common.errors import Refused
from apps.privacy.models import SearchPermission
from apps.privacy.selectors import agreed_to_search, search_require
from apps.recognition.services.answers import (
    TOP,
    Candidate,
    FaceFound,
    answer_of,
    compared_with,
    each_once,
    log_search,
    ranked,
    require_faces,
    strict_limits,
    without_changed,
)

MOST_FACES: Final = 400  # of one picture
FRESH_SECONDS: Final = 5.0
"""So long a matrix is searched before the database is asked who came and went: for 60,000 templates
that takes several times the search. Who is named or listed is asked for each time."""
SPARE: Final = 12  # looked at beside: the answer needs two, and some may have gone
_agreed: "WeakKeyDictionary[CampusFaces, _Agreed]" = WeakKeyDictionary()
"""Goes with the matrix, which nothing here holds."""


@transaction.atomic
def find_students_of_campus(
    *,
    vectors: Matrix,
    actor: Actor,
    now: datetime,
    limit: int = TOP,
    model: FaceModel | None = None,
) -> list[FaceFound]:
    """Who of the entered campus the faces (n, dimension) of one picture are, in their order.

    `model` made the vectors; the campus's without. At most `limit` candidates each. Students who
    did not agree to be searched are not compared. Nobody is twice in a picture: where two faces are
    the same student's, the nearer one is, and the other one is doubtful. One audit entry a call.

    Raises `Refused`: 403 face_disabled, or a code of `privacy.search_problems.SearchProblem`; 409
    model_changed; 409 model_not_measured; 400 too_many_faces.
    """
    require_faces()
    permission = search_require(covers=SearchPermission.Covers.CAMPUS)
    if len(vectors) > MOST_FACES:
        message = _("At most %(count)d faces can be looked for at once.")
        raise Refused("too_many_faces", message % {"count": MOST_FACES}, status=400)
    compared = compared_with(model, now=now)
    faces, agreed = _who_is_searched(permission, compared)
    limits = _limits(compared.model, faces.by_student[2])
    excess = np.where(agreed, faces.mean_distances(vectors) - limits, np.inf)
    near = [_candidates(faces, row, limits, count=limit + SPARE) for row in excess]
    here = _still_here({each.student_id for row in near for each in row}, permission, compared)
    found = [
        answer_of([each for each in row if each.student_id in here], limit=limit) for row in near
    ]
    found = without_changed(each_once(found), compared, now=now)
    log_search(
        found,
        action="biometrics.search.campus",
        students=int(agreed.sum()),
        actor=actor,
        now=now,
    )
    return found


@dataclass(frozen=True)
class _Agreed:
    permission_id: int
    asked_at: float
    mask: NDArray[np.bool_]  # of each student of `CampusFaces.by_student`


def _who_is_searched(
    permission: SearchPermission, compared: InForce
) -> tuple[CampusFaces, NDArray[np.bool_]]:
    """The matrix, and which of its students agreed, at most `FRESH_SECONDS` old."""
    faces = campus_faces(
        model=compared.model, generation=compared.generation, checked_within=FRESH_SECONDS
    )
    kept = _agreed.get(faces)
    moment = time.monotonic()
    if (
        kept is None
        or kept.permission_id != permission.pk
        or moment - kept.asked_at >= FRESH_SECONDS
    ):
        agreed = agreed_to_search(permission).order_by().values_list("student_id", flat=True)
        students = np.fromiter(agreed, np.int64)
        mask = np.isin(faces.by_student[0], students)
        kept = _Agreed(permission_id=permission.pk, asked_at=moment, mask=mask)
        _agreed[faces] = kept
    return faces, kept.mask


def _still_here(
    students: set[int], permission: SearchPermission, compared: InForce
) -> frozenset[int]:
    """Those of them who have templates and agree now; two statements, each by an index."""
    agreed = agreed_to_search(permission).filter(student_id__in=students)
    enrolled = FaceTemplate.objects.filter(
        student_id__in=students, model=compared.model, key_generation=compared.generation
    )
    return frozenset(agreed.order_by().values_list("student_id", flat=True)) & frozenset(
        enrolled.order_by().values_list("student_id", flat=True)
    )


def _limits(model: FaceModel, templates: NDArray[np.intp]) -> NDArray[np.float64]:
    """For students of so many templates."""
    limit_of = strict_limits(model)
    limits = [limit_of(number) for number in range(1, int(templates.max(initial=1)) + 1)]
    return np.array(limits)[templates - 1]


def _candidates(
    faces: CampusFaces, excess: NDArray[np.float64], limits: NDArray[np.float64], *, count: int
) -> list[Candidate]:
    """The nearest, at most so many, the nearest first."""
    students, _place, counts = faces.by_student
    nearest = _nearest(excess, count)
    means = [
        MeanDistance(
            student_id=int(students[each]),
            distance=float(excess[each] + limits[each]),
            templates=int(counts[each]),
        )
        for each in nearest
    ]
    allowed = {int(counts[each]): float(limits[each]) for each in nearest}
    return ranked(means, allowed.__getitem__)


def _nearest(excess: NDArray[np.float64], count: int) -> NDArray[np.intp]:
    """Places of the least values, those that are not searched left out."""
    places = np.arange(len(excess))
    if len(excess) > count:
        places = np.argpartition(excess, count)[:count]
    return places[np.isfinite(excess[places])]
