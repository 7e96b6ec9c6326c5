"""Registered models, and which of them the entered campus makes and compares templates with."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction

from apps.audit.services import SYSTEM, log_platform_event
from apps.biometrics.engines.base import EngineSpec
from apps.biometrics.models import FaceModel, TemplateKey


class ModelChanged(RuntimeError):
    """The weights or the version differ from those that a model was registered with."""


class ModelSwitched(Exception):
    """The campus went over to another model, or key, while a photo was being looked at."""


@dataclass(frozen=True, kw_only=True)
class InForce:
    """What templates of the entered campus are made and compared with."""

    model: FaceModel
    generation: int  # of the key

    def check(self, now: datetime) -> None:
        """Raises `ModelSwitched` where this is over; one query."""
        if in_force(now=now) != self:
            raise ModelSwitched


def in_force(*, now: datetime) -> InForce:
    """Workers only: it loads the model's engine. One query for a campus with a key.

    Raises `ModelChanged` where the installed engine is not the one the templates were made with,
    and what `get_engine` raises.
    """
    key = TemplateKey.objects.select_related("model").first()
    generation = 1 if key is None else key.generation
    if key is None or key.model is None:
        return InForce(model=add_default_model(now=now), generation=generation)
    check_engine(key.model)
    return InForce(model=key.model, generation=generation)


def current_model(*, now: datetime) -> FaceModel:
    """The entered campus's; see `in_force`. Its engine is `get_engine(model.name)`."""
    return in_force(now=now).model


def check_engine(model: FaceModel) -> None:
    """Raises `ModelChanged` unless the engine of this name here is the registered one."""
    from apps.biometrics.worker import engine_spec

    spec = engine_spec(model.name)
    if spec.version != model.version:
        raise ModelChanged(
            f"The templates are of {model}, and installed is {spec.name} {spec.version}: make "
            f"them anew with manage.py reembed {spec.name}."
        )
    if spec.sha256 != model.sha256:
        message = f"{model} was registered with other weights ({model.sha256[:12]}…)."
        raise ModelChanged(message)


def add_default_model(*, now: datetime) -> FaceModel:
    """The row of the engine CAMPUS_FACE_MODEL, made at its first use: for campuses without
    templates. See `add_model`; the row is marked as the default."""
    model = add_engine(name=settings.CAMPUS_FACE_MODEL, now=now)
    if not model.is_default:
        make_default(model, now=now)
    return model


def add_engine(*, name: str, now: datetime) -> FaceModel:
    """The row of the engine of this name. Workers only: it loads the engine."""
    from apps.biometrics.worker import engine_spec

    return add_model(spec=engine_spec(name), now=now)


def add_model(*, spec: EngineSpec, now: datetime) -> FaceModel:
    """Register this engine; one query when it already is.

    Safe to call at the same time from several processes. An existing row keeps its thresholds,
    which a person may have calibrated. Raises `ModelChanged`, because templates of different
    weights must not be compared under one name.
    """
    model = FaceModel.objects.filter(name=spec.name, version=spec.version).first()
    if model is None:
        model = _made(spec, now=now)
    if model.sha256 != spec.sha256:
        message = f"{model} was registered with other weights ({model.sha256[:12]}…)."
        raise ModelChanged(message)
    return model


def _made(spec: EngineSpec, *, now: datetime) -> FaceModel:
    model, created = FaceModel.objects.get_or_create(
        name=spec.name,
        version=spec.version,
        defaults={
            "dimension": spec.dimension,
            "metric": spec.metric,
            "threshold": spec.threshold,
            "margins": list(spec.margins),
            "campus_margins": list(spec.campus_margins),
            "detector": spec.detector,
            "sha256": spec.sha256,
            "registered_at": now,
        },
    )
    if created:
        log_platform_event(
            actor=SYSTEM, action="biometrics.model.registered", now=now, target=model
        )
    return model


@transaction.atomic
def make_default(model: FaceModel, *, now: datetime) -> None:
    """All rows are locked in one order, so that two processes cannot leave two defaults."""
    list(FaceModel.objects.select_for_update().order_by("pk"))
    FaceModel.objects.filter(is_default=True).exclude(pk=model.pk).update(is_default=False)
    if FaceModel.objects.filter(pk=model.pk, is_default=False).update(is_default=True):
        log_platform_event(
            actor=SYSTEM, action="biometrics.model.made_default", now=now, target=model
        )
    model.is_default = True


def locked_key(*, now: datetime) -> TemplateKey:
    """The campus's key row, made at its first use, locked until the transaction ends.

    From then on the campus keeps its model until it is switched to another one.
    """
    key = TemplateKey.objects.select_for_update(of=("self",)).select_related("model").first()
    if key is None:
        TemplateKey.objects.get_or_create(defaults={"issued_at": now})
        key = TemplateKey.objects.select_for_update().get()
    if key.model is None:
        key.model = add_default_model(now=now)
        TemplateKey.objects.filter(pk=key.pk).update(model=key.model)
    return key
