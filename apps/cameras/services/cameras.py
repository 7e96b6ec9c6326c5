"""Cameras: set up, and given another key."""

from datetime import datetime

from django.db import transaction

from apps.audit.services import Actor, log_event
from apps.cameras.models import Camera
from apps.cameras.tokens import CameraToken


@transaction.atomic
def camera_add(camera: Camera, *, now: datetime, actor: Actor) -> str:
    """Save a new camera; returns its key, which is kept nowhere."""
    token = _token(camera)
    camera.save()
    log_event(
        actor=actor,
        action="cameras.camera.added",
        now=now,
        target=camera,
        data={"name": camera.name, "classroom": camera.classroom_id},
    )
    return token


@transaction.atomic
def camera_key_replace(*, camera: Camera, now: datetime, actor: Actor) -> str:
    """A new key; the one before is refused at once."""
    token = _token(camera)
    Camera.objects.filter(pk=camera.pk).update(lookup=camera.lookup, digest=camera.digest)
    log_event(actor=actor, action="cameras.camera.key_replaced", now=now, target=camera)
    return token


def _token(camera: Camera) -> str:
    token = CameraToken.new()
    camera.lookup, camera.digest = token.lookup, token.digest
    return str(token)
