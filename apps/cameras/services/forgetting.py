"""What is forgotten: after its days, when a consent ends, when cameras are permitted no more."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from apps.accounts.models import Student
from apps.audit.services import SYSTEM, Actor, log_event
from apps.biometrics.services.images import images_release
from apps.cameras.models import CameraEvent, CameraFrame, CameraSystemEvent, UnknownPerson
from apps.cameras.selectors import KEPT_DAYS, cameras_refusal
from apps.cameras.services.sightings import kept_for
from apps.privacy.selectors import search_permission

FRAMES_KEPT: Final = timedelta(days=1)  # of what devices sent: so long the same one counts once


def images_unlink(image_ids: Collection[UUID]) -> int:
    """Before images are deleted."""
    return sum(
        model.objects.filter(image__in=image_ids).update(image=None)
        for model in (CameraEvent, UnknownPerson, CameraFrame)
    )


@transaction.atomic
def sightings_forget(*, student: Student, now: datetime, actor: Actor) -> int:
    """Who withdraws the consent: sightings and their pictures go; marks that were made stay."""
    events = CameraEvent.objects.filter(student=student)
    named = UnknownPerson.objects.filter(student=student)
    images = images_of(student=student)
    removed = events.delete()[0] + named.delete()[0]
    images_release(image_ids=images, now=now)
    return removed


def images_of(*, student: Student) -> set[UUID]:
    """The pictures of this student's sightings."""
    return _images(
        CameraEvent.objects.filter(student=student), UnknownPerson.objects.filter(student=student)
    )


def _images(*querysets: QuerySet[Any]) -> set[UUID]:
    found: set[UUID] = set()
    for rows in querysets:
        found |= set(rows.exclude(image=None).values_list("image_id", flat=True))
    return found


@transaction.atomic
def sightings_expire(*, now: datetime) -> int:
    """Delete the entered campus's sightings, unknown people and pictures whose days are over; how
    many rows. Unknown people go at once where cameras are permitted no more."""
    permission = search_permission()
    before = now - (kept_for(permission) if permission else timedelta(0))
    events = CameraEvent.objects.filter(at__lt=before)
    people = UnknownPerson.objects.filter(last_seen__lt=before)
    frames = CameraFrame.objects.filter(received_at__lt=now - FRAMES_KEPT)
    if cameras_refusal() is not None:
        people = UnknownPerson.objects.all()
        events = events | CameraEvent.objects.filter(unknown__isnull=False)
    images = _images(events, people, frames)
    removed = events.delete()[0] + people.delete()[0] + frames.delete()[0]
    images_release(image_ids=images, now=now)
    old = CameraSystemEvent.objects.filter(at__lt=now - timedelta(days=KEPT_DAYS))
    removed += old.delete()[0]
    if removed:
        log_event(actor=SYSTEM, action="cameras.expired", now=now, data={"rows": removed})
    return removed
