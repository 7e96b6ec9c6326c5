"""Enrolling a face: a photo is kept, a worker judges it, templates are made."""

import hashlib
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.models import Student
from apps.audit.services import SYSTEM, Actor, log_event
from apps.biometrics.models import FaceSample, FaceTemplate
from apps.biometrics.services.images import image_id, image_release, image_store, images_erase
from apps.biometrics.storage import SAMPLES
from apps.common.errors import Refused
from apps.privacy.models import Consent
from apps.privacy.selectors import active_consent
from apps.tenants.models import Campus
from apps.tenants.scope import current_campus_id
from apps.tenants.tasks import enqueue

MAX_SAMPLES: Final = 10  # live ones a student
REFUSED_KEPT: Final = timedelta(days=7)  # long enough to read why
JUDGE_TASK: Final = "apps.biometrics.tasks.judge_sample"

Status = FaceSample.Status


@transaction.atomic
def sample_add(*, student: Student, data: bytes, actor: Actor, now: datetime) -> FaceSample:
    """Keep a normalised JPEG (`Photo.jpeg()`) as a pending sample; a worker judges it.

    The same photo again returns the first sample. Raises `Refused`: face_disabled (403),
    consent_required (403), too_many_samples (409), storage_unavailable (503).
    """
    consent = _consent(student)
    Student.objects.select_for_update(no_key=True).get(pk=student.pk)
    known = FaceSample.objects.filter(student=student, image_id=_id_of(data)).first()
    if known is not None:
        return known
    live = FaceSample.objects.filter(student=student).exclude(status=Status.REFUSED).count()
    if live >= MAX_SAMPLES:
        message = _("There are %(count)d photos already. Remove one first.") % {"count": live}
        raise Refused("too_many_samples", message)
    image = image_store(data=data, now=now, kept_for=None, folder=SAMPLES)
    sample = FaceSample.objects.create(
        student=student, consent=consent, image=image, created_at=now
    )
    log_event(actor=actor, action="biometrics.sample.added", now=now, target=sample)
    enqueue(JUDGE_TASK, sample.pk)
    return sample


def _consent(student: Student) -> Consent:
    """The consent that a sample requires; raises `Refused` without one."""
    if not Campus.objects.filter(pk=current_campus_id(), face_enabled=True).exists():
        message = _("Face verification is off on this campus.")
        raise Refused("face_disabled", message, status=403)
    consent = active_consent(student=student, kind=Consent.Kind.FACE)
    if consent is None:
        message = _("The student has not agreed to face verification.")
        raise Refused("consent_required", message, status=403)
    return consent


def _id_of(data: bytes) -> UUID:
    return image_id(hashlib.sha256(data).hexdigest())


@transaction.atomic
def sample_remove(*, sample: FaceSample, actor: Actor, now: datetime) -> None:
    """Delete a sample, its templates and its photo. Removing it twice changes nothing."""
    deleted, _per_model = FaceSample.objects.filter(pk=sample.pk).delete()
    if not deleted:
        return
    image_release(image_id=sample.image_id, now=now)
    data = {"student": sample.student_id, "sample": sample.pk}
    log_event(actor=actor, action="biometrics.sample.removed", now=now, data=data)


@transaction.atomic
def faces_erase(*, student: Student, now: datetime, actor: Actor) -> int:
    """Delete all samples, templates and enrolment photos of a student; returns how many things.

    Called when the consent is withdrawn. The sealed photos go as soon as a worker has the time,
    even if other rows refer to them; the history of verifications holds no photo and stays.
    """
    Student.objects.select_for_update(no_key=True).get(pk=student.pk)
    samples = FaceSample.objects.filter(student=student)
    image_ids = list(samples.values_list("image_id", flat=True))
    templates = FaceTemplate.objects.filter(student=student).delete()[0]
    removed = samples.delete()[0]
    removed += templates + images_erase(image_ids=image_ids, now=now)
    data = {"removed": removed}
    log_event(actor=actor, action="biometrics.faces.erased", now=now, target=student, data=data)
    return removed


def refused_samples_drop(*, now: datetime) -> int:
    """Delete the entered campus's refused samples and their photos after a week."""
    old = FaceSample.objects.filter(status=Status.REFUSED, judged_at__lte=now - REFUSED_KEPT)
    samples = list(old)
    for sample in samples:
        sample_remove(sample=sample, actor=SYSTEM, now=now)
    return len(samples)
