"""The registered model that new templates are made with."""

from datetime import datetime

from django.db import transaction

from apps.audit.services import SYSTEM, record_platform
from apps.biometrics.engines.base import EngineSpec
from apps.biometrics.models import FaceModel


class ModelChanged(RuntimeError):
    """The weights differ from those that a model of this name and version was registered with."""


def add_default_model(*, now: datetime) -> FaceModel:
    """The row of this process's engine, made at its first use and marked as the default.

    Workers only: it loads the engine. Safe to call at the same time from several processes. An
    existing row keeps its threshold, which a person may have calibrated. Raises `ModelChanged`,
    because templates of different weights must not be compared under one name.
    """
    from apps.biometrics.worker import engine_spec

    return add_model(spec=engine_spec(), now=now)


def add_model(*, spec: EngineSpec, now: datetime) -> FaceModel:
    """Register this engine as the default; one query when it already is. See above."""
    model = FaceModel.objects.filter(name=spec.name, version=spec.version).first()
    if model is None:
        model = _made(spec, now=now)
    if model.sha256 != spec.sha256:
        message = f"{model} was registered with other weights ({model.sha256[:12]}…)."
        raise ModelChanged(message)
    if not model.is_default:
        _make_default(model, now=now)
    return model


def _made(spec: EngineSpec, *, now: datetime) -> FaceModel:
    model, created = FaceModel.objects.get_or_create(
        name=spec.name,
        version=spec.version,
        defaults={
            "dimension": spec.dimension,
            "metric": spec.metric,
            "threshold": spec.threshold,
            "sha256": spec.sha256,
            "registered_at": now,
        },
    )
    if created:
        record_platform(actor=SYSTEM, action="biometrics.model.registered", now=now, target=model)
    return model


@transaction.atomic
def _make_default(model: FaceModel, *, now: datetime) -> None:
    """All rows are locked in one order, so that two processes cannot leave two defaults."""
    list(FaceModel.objects.select_for_update().order_by("pk"))
    FaceModel.objects.filter(is_default=True).exclude(pk=model.pk).update(is_default=False)
    if FaceModel.objects.filter(pk=model.pk, is_default=False).update(is_default=True):
        record_platform(actor=SYSTEM, action="biometrics.model.made_default", now=now, target=model)
    model.is_default = True
