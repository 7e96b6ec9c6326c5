"""Sending announcements."""

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from apps.accounts.models import Student
from apps.announcements.models import Announcement
from apps.announcements.selectors import classmates_user_ids, section_of, sent_by
from apps.audit.services import SYSTEM, Actor, log_event
from apps.common.errors import Forbidden, Refused
from apps.enrollments.models import Section
from apps.notifications.models import Message
from apps.notifications.selectors import campus_messages
from apps.notifications.services import notify


def announcement_send(
    *, student: Student, title: str, message: str, nonce: str, now: datetime, actor: Actor
) -> tuple[Announcement, bool]:
    """Tell the representative's class; returns the announcement with its status, and if it is new.

    The same nonce again returns the first announcement. Raises `Forbidden` (not_a_representative)
    and `Refused` (no_class, no_classmates).
    """
    if not student.is_representative:
        raise Forbidden(
            "not_a_representative", _("Only class representatives may write to their class.")
        )
    first = sent_by(student=student).filter(nonce=nonce).first()
    if first is not None:
        return first, False
    section = section_of(student=student)
    if section is None:
        raise Refused("no_class", _("You are not in a class at the moment."))
    try:
        with transaction.atomic():
            announcement = _send(student, section, title, message, nonce, now)
    except IntegrityError:  # the same request at the same time was faster
        return sent_by(student=student).get(nonce=nonce), False
    log_event(
        actor=actor,
        action="announcement.sent",
        now=now,
        target=announcement,
        data={"section": str(section), "recipients": announcement.recipient_count},
    )
    return sent_by(student=student).get(pk=announcement.pk), True


def _send(
    student: Student, section: Section, title: str, message: str, nonce: str, now: datetime
) -> Announcement:
    key = f"announcement:{student.pk}:{nonce}"
    count = notify(
        kind="announcement",
        user_ids=classmates_user_ids(section=section, except_for=student),
        title=title,
        body=message,
        data={"section": str(section), "sender": student.full_name},
        now=now,
        key=key,
        sender_id=student.user_id,
    )
    outbox = Message.objects.get(key=key)
    if not count and not outbox.deliveries.exists():
        raise Refused("no_classmates", _("Nobody else in your class can be reached yet."))
    return Announcement.objects.create(
        sender=student,
        section=section,
        outbox=outbox,
        title=title,
        message=message,
        recipient_count=count,
        nonce=nonce,
        sent_at=now,
    )


@transaction.atomic
def announcements_purge(*, now: datetime) -> int:
    """Delete announcements as old as the campus keeps messages; returns how many.

    Their entries in the outbox go with the next purge of that.
    """
    until = now - timedelta(days=campus_messages().kept_days)
    purged, _by_model = Announcement.objects.filter(sent_at__lt=until).delete()
    if purged:
        data = {"announcements": purged, "before": until.isoformat()}
        log_event(actor=SYSTEM, action="announcement.purged", now=now, data=data)
    return purged
