"""Whose faces a camera sees: of the open registers in its room, then of the campus."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from apps.audit.services import Actor
from apps.biometrics.comparing import Matrix
from apps.biometrics.models import FaceModel
from apps.cameras.selectors import OpenRegister
from apps.privacy.models import SearchPermission
from apps.recognition.services import (
    Candidate,
    FaceAnswer,
    FaceFound,
    find_matching_students_of_photo,
    find_students_of_campus,
)

NOBODY: Final = FaceFound(answer=FaceAnswer.UNKNOWN, candidates=())


@dataclass(frozen=True, kw_only=True)
class FaceMatch:
    """What a face was found to be; `confidence` is 0..1 where a student is named."""

    answer: FaceAnswer
    student_id: int | None = None
    confidence: float | None = None


def faces_match(
    *,
    vectors: Matrix,
    model: FaceModel | None,
    registers: Sequence[OpenRegister],
    permission: SearchPermission,
    actor: Actor,
    now: datetime,
) -> list[FaceMatch]:
    """An answer for each face of one picture (n, dimension), which `model` made; the campus's
    without. Raises what the searches raise.
    """
    found = [NOBODY] * len(vectors)
    students = sorted({pk for one in registers for pk in one.student_ids})
    if students:
        found = find_matching_students_of_photo(
            vectors=vectors, student_ids=students, actor=actor, now=now, model=model, strict=True
        )
    left = [place for place, face in enumerate(found) if face.answer == FaceAnswer.UNKNOWN]
    if left and permission.covers == SearchPermission.Covers.CAMPUS:
        others = find_students_of_campus(vectors=vectors[left], actor=actor, now=now, model=model)
        for place, face in zip(left, others, strict=True):
            found[place] = face
    return [_match(face) for face in found]


def _match(face: FaceFound) -> FaceMatch:
    if face.student_id is None:
        return FaceMatch(answer=face.answer)
    return FaceMatch(
        answer=face.answer,
        student_id=face.student_id,
        confidence=confidence_of(face.candidates[0]),
    )


def confidence_of(candidate: Candidate) -> float:
    """0..1, two places: 1 for the very same picture, 0.5 at the limit of what is a match."""
    return round(min(1.0, max(0.0, 1 - candidate.distance / (2 * candidate.limit))), 2)
