"""1:N among all students of a campus: for administrators and cameras. Runs in a `faces` worker.

Only where the permission to search names the whole campus. Limits are those of FMR 1e-6: every
stranger is compared with everybody.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import numpy as np
from django.db import transaction
from django.db.models import Count, Max, Sum
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from apps.audit.services import Actor
from apps.biometrics.campus_faces import CampusFaces, campus_faces
from apps.biometrics.comparing import Matrix, MeanDistance
from apps.biometrics.models import FaceModel
from apps.biometrics.selectors import threshold_for
from apps.common.errors import Refused
from apps.privacy.models import SearchPermission
from apps.privacy.selectors import agreed_to_search, search_require
from apps.recognition.services.answers import (
    TOP,
    FaceFound,
    answer_of,
    compared_with,
    each_once,
    log_search,
    ranked,
    require_faces,
    without_changed,
)

MOST_FACES: Final = 400  # of one picture
SPARE: Final = 2  # listed beside, since the answer looks at the two nearest
_agreed: dict[int, tuple[tuple[object, ...], NDArray[np.int64]]] = {}  # campus: mark, students


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
    faces = campus_faces(model=compared.model, generation=compared.generation)
    searched = np.isin(faces.by_student[0], _students_who_agreed(permission))
    limits = _limits(compared.model, faces.by_student[2])
    excess = np.where(searched, faces.mean_distances(vectors) - limits, np.inf)
    found = [_found(faces, row, limits, limit=limit) for row in excess]
    found = without_changed(each_once(found), compared, now=now)
    log_search(
        found,
        action="biometrics.search.campus",
        students=int(searched.sum()),
        actor=actor,
        now=now,
    )
    return found


def _students_who_agreed(permission: SearchPermission) -> NDArray[np.int64]:
    """Read anew when a consent was given or withdrawn; one statement when none was."""
    consents = agreed_to_search(permission).order_by()
    counts = consents.aggregate(count=Count("pk"), last=Max("pk"), sum=Sum("pk"))
    mark = (permission.pk, *counts.values())
    kept = _agreed.get(permission.campus_id)
    if kept is None or kept[0] != mark:
        students = np.fromiter(consents.values_list("student_id", flat=True), np.int64)
        kept = _agreed[permission.campus_id] = (mark, students)
    return kept[1]


def campus_limits(*, threshold: float, margins: Sequence[float]) -> list[float]:
    """Largest mean distance to 1, 2, 3, … templates; the last holds for more."""
    return [threshold + float(margin) for margin in margins]


def _limits(model: FaceModel, templates: NDArray[np.intp]) -> NDArray[np.float64]:
    """For students of so many templates. Raises `Refused` where the model has none."""
    if not model.campus_margins:
        message = _("No limits for searching a campus are known of the face model %(model)s.")
        raise Refused("model_not_measured", message % {"model": model})
    limits = campus_limits(threshold=threshold_for(model=model), margins=model.campus_margins)
    return np.array(limits)[np.minimum(templates, len(limits)) - 1]


def _found(
    faces: CampusFaces, excess: NDArray[np.float64], limits: NDArray[np.float64], *, limit: int
) -> FaceFound:
    students, _place, counts = faces.by_student
    nearest = _nearest(excess, limit + SPARE)
    means = [
        MeanDistance(
            student_id=int(students[each]),
            distance=float(excess[each] + limits[each]),
            templates=int(counts[each]),
        )
        for each in nearest
    ]
    allowed = {int(counts[each]): float(limits[each]) for each in nearest}
    return answer_of(ranked(means, allowed.__getitem__), limit=limit)


def _nearest(excess: NDArray[np.float64], count: int) -> NDArray[np.intp]:
    """Places of the least values, those that are not searched left out."""
    places = np.arange(len(excess))
    if len(excess) > count:
        places = np.argpartition(excess, count)[:count]
    return places[np.isfinite(excess[places])]
