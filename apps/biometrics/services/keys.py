"""Re-issuing a campus's template key: old vectors become worthless. Runs where the engine is."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection, transaction
from django.utils.translation import gettext as _

from apps.audit.services import Actor, log_event
from apps.biometrics.models import FaceSample, FaceTemplate, TemplateKey
from apps.biometrics.services.judging import observed, template_store
from apps.biometrics.services.registry import current_model, locked_key
from apps.common.errors import Refused
from apps.tenants.tasks import enqueue

JUDGE_TASK: Final = "apps.biometrics.tasks.judge_sample"

Track = Callable[[Iterable[FaceSample]], Iterable[FaceSample]]


@dataclass(frozen=True, kw_only=True)
class Reissue:
    """Outcome: the generation now in force, templates made anew, samples to be judged again."""

    generation: int
    renewed: int
    to_judge: int


@transaction.atomic
def template_key_reissue(*, actor: Actor, now: datetime, track: Track = iter) -> Reissue:
    """Count the key up and make every template anew from its kept sample, all or nothing.

    The photos are embedded first (about 40 ms each); the key is locked only for the switch at the
    end, so check-ins go on meanwhile. Samples that no face could be read from now, or that were
    accepted meanwhile, are judged again. Raises `OSError` when the storage does not answer.
    """
    model = current_model(now=now)
    accepted = FaceSample.objects.filter(status=FaceSample.Status.ACCEPTED)
    samples = list(accepted.select_related("image").order_by("pk"))
    vectors = {sample.pk: observed(sample, model).vector for sample in track(samples)}

    key = locked_key(now=now)
    if key.model != model:
        message = _("The campus went over to another face model meanwhile. Try again.")
        raise Refused("model_changed", message)
    TemplateKey.objects.filter(pk=key.pk).update(generation=key.generation + 1, issued_at=now)
    FaceTemplate.objects.all().delete()
    renewed, left = 0, []
    for sample in accepted.order_by("pk"):
        vector = vectors.get(sample.pk)
        if vector is None:
            left.append(sample.pk)
            continue
        template_store(
            sample=sample, vector=vector, model=model, generation=key.generation + 1, now=now
        )
        renewed += 1
    FaceSample.objects.filter(pk__in=left).update(status=FaceSample.Status.PENDING)
    for sample_id in left:
        enqueue(JUDGE_TASK, sample_id)
    outcome = Reissue(generation=key.generation + 1, renewed=renewed, to_judge=len(left))
    data: dict[str, Any] = {"generation": outcome.generation, "templates": renewed}
    log_event(actor=actor, action="biometrics.key.reissued", now=now, target=key, data=data)
    return outcome


def templates_vacuum() -> None:
    """Write the table anew without what was replaced or deleted: its old rows lie on otherwise.

    Outside of a transaction. Holds the table for about a second per 60,000 templates.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"VACUUM (FULL) {FaceTemplate._meta.db_table}")
