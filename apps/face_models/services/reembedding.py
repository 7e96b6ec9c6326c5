"""Making a campus's templates anew with another model, beside the old ones, until all are made.

Check-ins and enrolments go on with the old model meanwhile. In one transaction at the end the
campus goes over to the new one and the old vectors are deleted.
"""

from datetime import datetime
from typing import Any, Final

import numpy as np
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from apps.audit.services import SYSTEM, Actor, log_event
from apps.biometrics.engines import EngineUnavailable, engine_names
from apps.biometrics.models import FaceModel, FaceSample, FaceTemplate, TemplateKey
from apps.biometrics.services.judging import observed, template_store
from apps.biometrics.services.registry import ModelChanged, add_engine, locked_key
from apps.biometrics.weights.catalogue import WeightsError
from apps.common.errors import Refused
from apps.jobs.models import Job
from apps.jobs.progress import Progress
from apps.jobs.services import job_start
from apps.tenants.models import Campus
from apps.tenants.scope import current_campus_id
from apps.tenants.tasks import enqueue

REEMBED: Final = "faces.reembed"
JUDGE_TASK: Final = "apps.biometrics.tasks.judge_sample"
BATCH: Final = 20  # photos in a transaction: about a second
Status = FaceSample.Status


@transaction.atomic
def reembed_start(*, engine: str, user_id: int | None, actor: Actor, now: datetime) -> Job:
    """Queue a job that takes the entered campus over to this engine.

    Raises `Refused`: unknown_engine (400), reembedding_runs (409).
    """
    if engine not in engine_names():
        message = _("There is no face engine %(name)s. Known engines: %(known)s.")
        known = ", ".join(engine_names())
        raise Refused("unknown_engine", message % {"name": engine, "known": known}, status=400)
    Campus.objects.select_for_update(no_key=True).get(pk=current_campus_id())  # one after another
    running = Job.objects.filter(
        kind=REEMBED, status__in=[Job.Status.QUEUED, Job.Status.RUNNING]
    ).first()
    if running is not None:
        message = _("This is already on its way: %(job)s, %(percent)d %%.")
        values = {"job": running.title, "percent": running.percent}
        raise Refused("reembedding_runs", message % values)
    title = _("Templates made anew with %(name)s") % {"name": engine}
    job = job_start(kind=REEMBED, title=title, params={"engine": engine}, user_id=user_id, now=now)
    data = {"engine": engine}
    log_event(actor=actor, action="biometrics.reembedding.started", now=now, data=data)
    return job


def reembed_some(*, job: Job, progress: Progress, now: datetime) -> dict[str, Any] | None:
    """One step of the job: some photos, or the switch when nothing is missing. None: not done yet.

    Which photos no face could be read from is kept in the job: they are left until the switch.
    Raises `Refused` (503) where the engine or the storage is not there.
    """
    try:
        return _step(job, progress, now=now)
    except (EngineUnavailable, WeightsError, ModelChanged) as error:
        raise Refused("engine_unavailable", str(error), status=503) from error
    except OSError as error:
        message = _("The photos cannot be read right now: %(why)s. What was made is kept.")
        raise Refused(
            "storage_unavailable", message % {"why": error.strerror or error}, status=503
        ) from error


def _step(job: Job, progress: Progress, *, now: datetime) -> dict[str, Any] | None:
    model = add_engine(name=job.params["engine"], now=now)
    left: list[int] = job.params.setdefault("left", [])
    phase = _("templates")
    total = _accepted().count()
    missing = _without(model)
    done = total - missing.count()
    progress.at(done, total, phase=phase)
    batch = list(missing.exclude(pk__in=left).select_related("image").order_by("pk")[:BATCH])
    if batch:
        vectors = {}
        for number, sample in enumerate(batch, start=1):
            vectors[sample.pk] = observed(sample, model).vector
            progress.at(done + number, total, phase=phase)
        left += _stored(vectors, model, now=now)
        return None
    return _switched(model, left, now=now)


def _accepted() -> QuerySet[FaceSample]:
    return FaceSample.objects.filter(status=Status.ACCEPTED)


def _without(model: FaceModel) -> QuerySet[FaceSample]:
    """Samples that this model has no template of, under the present key."""
    generation = TemplateKey.objects.values("generation")[:1]
    made = FaceTemplate.objects.filter(sample=OuterRef("pk"), model=model)
    return _accepted().filter(~Exists(made.filter(key_generation=generation)))


@transaction.atomic
def _stored(
    vectors: dict[int, NDArray[np.float32] | None], model: FaceModel, *, now: datetime
) -> list[int]:
    """Keep the templates; returns the samples whose photos show no usable face to this model.

    The key is locked first, as by whoever writes templates, then the samples: one may have been
    removed meanwhile.
    """
    key = locked_key(now=now)
    samples = _accepted().filter(pk__in=vectors).order_by("pk")
    left = []
    for sample in samples.select_for_update(no_key=True, of=("self",)):
        vector = vectors[sample.pk]
        if vector is None:
            left.append(sample.pk)
            continue
        template_store(
            sample=sample,
            vector=vector,
            model=model,
            generation=key.generation,
            now=sample.judged_at or now,  # since when failures in a row are counted
        )
    return left


@transaction.atomic
def _switched(model: FaceModel, left: list[int], *, now: datetime) -> dict[str, Any] | None:
    """The campus's model is another one from here on; None where something is missing again."""
    key = locked_key(now=now)
    if _without(model).exclude(pk__in=left).exists():
        return None
    before = key.model
    TemplateKey.objects.filter(pk=key.pk).update(model=model)
    kept = FaceTemplate.objects.filter(model=model, key_generation=key.generation)
    FaceTemplate.objects.exclude(pk__in=kept.values("pk")).delete()
    again = list(_without(model).values_list("pk", flat=True))
    FaceSample.objects.filter(pk__in=again).update(status=Status.PENDING, queued_at=None)
    for sample_id in again:
        enqueue(JUDGE_TASK, sample_id)
    data = {
        "model": str(model),
        "before": str(before),
        "templates": kept.count(),
        "to_judge": len(again),
    }
    log_event(actor=SYSTEM, action="biometrics.model.switched", now=now, target=key, data=data)
    return data
