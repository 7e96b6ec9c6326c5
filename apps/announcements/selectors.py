"""Reads of announcements."""

from typing import Any

from django.db.models import Case, Count, F, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce

from apps.accounts.models import Student
from apps.announcements.models import Announcement
from apps.enrollments.models import Placement, Section
from apps.notifications.models import OPEN_STATUSES, Channel, Delivery, Status


def section_of(*, student: Student) -> Section | None:
    """The class of a student: the section of their current placement."""
    placement = (
        Placement.objects.filter(student=student, is_current=True)
        .select_related("section__department")
        .first()
    )
    return placement.section if placement else None


def classmates(*, section: Section, except_for: Student) -> QuerySet[Student]:
    """The active students with an account who are in the section now, but for one; by name."""
    return (
        Student.objects.filter(
            placements__section=section,
            placements__is_current=True,
            is_active=True,
            user__isnull=False,
        )
        .exclude(pk=except_for.pk)
        .order_by("last_name", "first_name", "code")
    )


def classmates_user_ids(*, section: Section, except_for: Student) -> list[int]:
    found = classmates(section=section, except_for=except_for)
    return list(found.order_by().values_list("user_id", flat=True))


def _deliveries(condition: Q) -> Coalesce:
    """How many deliveries of an announcement, outside the inbox, are so."""
    counted = (
        Delivery.objects.filter(condition, message=OuterRef("outbox"))
        .exclude(channel=Channel.INBOX)
        .order_by()
        .values("message")
        .annotate(number=Count("pk"))
        .values("number")
    )
    return Coalesce(Subquery(counted), 0)


def with_status() -> QuerySet[Announcement]:
    """Announcements, newest first, each with its `status`.

    success: everything that went out arrived (and where nothing had to, all have it in their
    inbox); failed: nothing did; partial: some did; sending: not all is decided yet.
    """
    kinds = Announcement.Status
    return (
        Announcement.objects.select_related("sender", "section__department")
        .annotate(
            open=_deliveries(Q(status__in=OPEN_STATUSES)),
            arrived=_deliveries(Q(status=Status.SENT)),
            lost=_deliveries(Q(status=Status.DEAD)),
        )
        .annotate(
            status=Case(
                When(open__gt=0, then=Value(kinds.SENDING)),
                When(lost=0, then=Value(kinds.SUCCESS)),
                When(arrived=0, then=Value(kinds.FAILED)),
                default=Value(kinds.PARTIAL),
            )
        )
        .order_by("-sent_at", "-id")
    )


def sent_by(*, student: Student) -> QuerySet[Announcement]:
    return with_status().filter(sender=student)


def with_readers(announcements: QuerySet[Announcement]) -> QuerySet[Announcement]:
    """Each with `readers`: how many have opened it in their inbox."""
    opened = (
        Delivery.objects.filter(
            message=OuterRef("outbox"), channel=Channel.INBOX, read_at__isnull=False
        )
        .order_by()
        .values("message")
        .annotate(number=Count("pk"))
        .values("number")
    )
    return announcements.annotate(readers=Coalesce(Subquery(opened), 0))


def received_by(*, user: Any) -> QuerySet[Announcement]:
    """What is in the person's inbox, with the time they read it as `read_at`; newest first."""
    mine = Delivery.objects.filter(channel=Channel.INBOX, user=user)
    return (
        Announcement.objects.filter(outbox__in=mine.order_by().values("message"))
        .select_related("sender", "section__department")
        .annotate(
            read_at=Subquery(mine.filter(message=OuterRef("outbox")).values("read_at")[:1]),
            inbox_id=F("outbox_id"),
        )
        .order_by("-sent_at", "-id")
    )
