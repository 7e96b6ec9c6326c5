"""Taking subjects off the list, and putting them back."""

from datetime import datetime
from typing import Final

from django.db import transaction
from django.utils.translation import gettext as _

from apps.audit.services import Actor, record
from apps.common.errors import Refused
from apps.enrollments.models import Course, Subject

NAMED_COURSES: Final = 5


@transaction.atomic
def subject_deactivate(*, subject: Subject, now: datetime, actor: Actor) -> bool:
    """Deactivate a subject; its courses of earlier terms, grades and registers are kept.

    Raises `Refused` (subject_in_use, naming the courses) while an active course teaches it.
    Returns whether it was active.
    """
    # No new course slips in between: its foreign key waits for this lock.
    Subject.objects.select_for_update().get(pk=subject.pk)
    courses = Course.objects.filter(subject=subject, is_active=True).order_by("code", "pk")
    codes = list(courses.values_list("code", flat=True)[: NAMED_COURSES + 1])
    if codes:
        named = ", ".join(codes[:NAMED_COURSES]) + (", …" if len(codes) > NAMED_COURSES else "")
        message = _("Active courses teach this subject: %(courses)s.") % {"courses": named}
        raise Refused("subject_in_use", message)
    return _switch(subject, on=False, action="deactivated", now=now, actor=actor)


@transaction.atomic
def subject_activate(*, subject: Subject, now: datetime, actor: Actor) -> bool:
    """Put a subject back on the list; returns whether it was off."""
    return _switch(subject, on=True, action="activated", now=now, actor=actor)


def _switch(subject: Subject, *, on: bool, action: str, now: datetime, actor: Actor) -> bool:
    changed = Subject.objects.filter(pk=subject.pk, is_active=not on).update(
        is_active=on, updated_at=now
    )
    if changed:
        action = f"enrollments.subject.{action}"
        data = {"code": subject.code}
        record(actor=actor, action=action, now=now, target=subject, data=data)
    return bool(changed)
