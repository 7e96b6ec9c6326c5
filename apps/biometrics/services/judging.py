"""Judging a sample and making its template. Runs in a `faces` worker."""

from datetime import datetime
from typing import TYPE_CHECKING, Final

import numpy as np
from django.db import transaction
from numpy.typing import NDArray

from apps.accounts.models import Student
from apps.audit.services import SYSTEM, log_event
from apps.biometrics.campus_faces import campus_faces
from apps.biometrics.models import FaceModel, FaceSample, FaceTemplate
from apps.biometrics.reasons import SampleReason
from apps.biometrics.selectors import own_templates, threshold_for
from apps.biometrics.services.registry import InForce, ModelSwitched, in_force, locked_key
from apps.biometrics.services.verification import limits_of_mean, mean_distance
from apps.biometrics.storage import read_image
from apps.biometrics.vectors import checksum_of, new_frame, protect
from apps.common.crypto import SealBroken

if TYPE_CHECKING:
    from apps.biometrics.worker import Observation

Vector = NDArray[np.float32]
Status = FaceSample.Status

DUPLICATE_SHARE: Final = 0.77
"""Another student's template closer than this share of the model's threshold is taken for the same
person: 0.45 for SFace, where none of 318,400 pairs of strangers (800 LFW photos) and 86 % of the
1,200 pairs of one person lie."""


def sample_judge(*, sample_id: int, now: datetime) -> FaceSample | None:
    """Accept or refuse a pending sample; None when there is nothing to judge.

    Safe to run twice and to lose halfway. Raises `OSError` when the storage does not answer.
    """
    sample = (
        FaceSample.objects.filter(pk=sample_id, status=Status.PENDING)
        .select_related("image")
        .first()
    )
    if sample is None:
        return None
    while True:
        made_by = in_force(now=now)
        seen = observed(sample, made_by.model)
        sample.quality = {**seen.measurements, "reasons": list(seen.reasons)}
        try:
            return _settle(sample, seen.vector, seen.reasons, made_by=made_by, now=now)
        except ModelSwitched:  # looked at once more, by the campus's new model
            continue


def observed(sample: FaceSample, model: FaceModel) -> "Observation":
    """What a model's engine sees in a sample's photo. Raises `OSError`."""
    from apps.biometrics.worker import Observation, observe_for_enrolment

    try:
        return observe_for_enrolment(read_image(sample.image), engine=model.name)
    except SealBroken:
        return Observation(reasons=(SampleReason.DAMAGED.value,), measurements={}, vector=None)


@transaction.atomic
def _settle(
    sample: FaceSample,
    vector: Vector | None,
    reasons: tuple[str, ...],
    *,
    made_by: InForce,
    now: datetime,
) -> FaceSample | None:
    """Write the judgement, unless the sample was removed or judged meanwhile."""
    Student.objects.select_for_update(no_key=True).get(pk=sample.student_id)
    if not FaceSample.objects.filter(pk=sample.pk, status=Status.PENDING).exists():
        return None
    reason = reasons[0] if reasons else ""
    if vector is not None:
        reason = _enrol(sample, vector, made_by=made_by, now=now)
    sample.status = Status.REFUSED if reason else Status.ACCEPTED
    sample.reason, sample.judged_at = reason, now
    sample.save(update_fields=["status", "reason", "quality", "judged_at"])
    action = f"biometrics.sample.{sample.status}"
    log_event(actor=SYSTEM, action=action, now=now, target=sample, data={"reason": reason})
    return sample


def _enrol(sample: FaceSample, vector: Vector, *, made_by: InForce, now: datetime) -> str:
    """Store the template, or say why the face is not the student's own.

    The key's row is locked: two students cannot enrol one face at the same moment, and the key is
    not re-issued in between.
    """
    key = locked_key(now=now)
    model, generation = made_by.model, key.generation
    if key.model != model:
        raise ModelSwitched
    reason = _identity_problem(sample, vector, model=model, generation=generation)
    if not reason:
        template_store(sample=sample, vector=vector, model=model, generation=generation, now=now)
    return reason


def _identity_problem(
    sample: FaceSample, vector: Vector, *, model: FaceModel, generation: int
) -> str:
    """Somebody else's face, or another one than the student's other samples show. Or ""."""
    threshold = threshold_for(model=model)
    faces = campus_faces(model=model, generation=generation)
    nearest = faces.nearest_stranger(vector, student_id=sample.student_id)
    if nearest is not None and nearest <= DUPLICATE_SHARE * threshold:
        return SampleReason.ANOTHER_PERSON
    own = mean_distance(vector, student_id=sample.student_id, model=model, generation=generation)
    templates = own_templates(
        student_id=sample.student_id, model=model, generation=generation
    ).count()
    limit = limits_of_mean(model=model)(templates)
    return SampleReason.UNLIKE_OTHERS if own is not None and own > limit else ""


def template_store(
    *, sample: FaceSample, vector: Vector, model: FaceModel, generation: int, now: datetime
) -> FaceTemplate:
    """Keep a plain vector as the sample's template, in a frame of its own; replaces the old."""
    frame = new_frame()
    template = FaceTemplate(
        student_id=sample.student_id,
        sample=sample,
        model=model,
        key_generation=generation,
        frame=frame,
        vector=protect(vector, frame=frame, generation=generation),
        created_at=now,
    )
    template.checksum = checksum_of(template)
    FaceTemplate.objects.filter(sample=sample, model=model).delete()
    template.save(force_insert=True)
    return template
