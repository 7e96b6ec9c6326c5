"""The courses that a report is about, and the sessions that they still have."""

from collections.abc import Collection
from datetime import datetime

from django.db.models import Count, F, QuerySet

from apps.enrollments.models import Course, Term
from apps.reports.asked import Asked
from apps.sessions.models import ClassSession, SessionCourse


def latest_term_id(asked: Asked) -> int | None:
    """The term that runs today, else the one that ran last; None before the first."""
    begun = Term.objects.filter(starts_on__lte=asked.today).order_by("-starts_on", "-id")
    return begun.values_list("pk", flat=True).first()


def courses_now(asked: Asked) -> QuerySet[Course]:
    """The courses that were asked for; those of the latest term where no term or course was."""
    found = Course.objects.filter(asked.courses(), is_active=True).order_by()
    if asked.filters.term is None and asked.filters.course is None:
        found = found.filter(term=latest_term_id(asked))
    return found


def remaining_of(course_ids: Collection[int], *, now: datetime) -> dict[int, int]:
    """Planned sessions that have not begun, up to the last day of the course's term.

    Sessions that are open now are neither counted here nor, until they end, as missed.
    """
    rows = (
        SessionCourse.objects.filter(
            course_id__in=course_ids,
            status=ClassSession.Status.SCHEDULED,
            starts_at__gt=now,
            held_on__lte=F("course__term__ends_on"),
        )
        .order_by()
        .values_list("course_id")
        .annotate(number=Count("id"))
    )
    return dict(rows)
