"""Registers that nobody took: sessions which were never opened and no longer can be.

Nothing becomes of them by itself: they stay `scheduled`, to be taken afterwards or cancelled by a
person. What counts as held is counted from records, so that they harm nobody meanwhile.
"""

from datetime import date, datetime, timedelta
from typing import Any, Final

from django.db.models import Q, QuerySet

from apps.accounts.viewers import Viewer
from apps.attendance.models import Policy
from apps.attendance.selectors.policies import policies_for
from apps.sessions.days_off import on_class_days
from apps.sessions.models import ClassSession
from apps.sessions.selectors import campus_zone

CAMPUS: Final = 0  # no course has this id: `policies_for` answers with the campus's policy


def registers_not_taken(*, now: datetime, **filters: Any) -> QuerySet[ClassSession]:
    """Sessions of the terms under way that nobody opened in time, newest first.

    A session stands here from the end of its opening window, by the policy that holds now for its
    course. Cancelled ones and those on days without classes do not. `filters` are look-ups on
    sessions; `term` (an id) asks for another term, `since` (a moment) for younger ones only.
    """
    term, since = filters.pop("term", None), filters.pop("since", None)
    rows = ClassSession.objects.filter(
        _window_is_over(now), status=ClassSession.Status.SCHEDULED, **filters
    )
    if term is not None:
        rows = rows.filter(course__term=term)
    else:
        today = now.astimezone(campus_zone()).date()
        rows = rows.filter(**_under_way(today))
    if since is not None:
        rows = rows.filter(starts_at__gte=since)
    return (
        on_class_days(rows)
        .select_related(
            "course__subject", "course__section__department", "faculty", "classroom__building"
        )
        .order_by("-starts_at", "-id")
    )


def registers_not_taken_seen(
    *, viewer: Viewer, now: datetime, **filters: Any
) -> QuerySet[ClassSession]:
    """The lecturer's own; for the office those of the whole campus."""
    rows = registers_not_taken(now=now, **filters)
    return rows if viewer.office else rows.filter(faculty=viewer.faculty)


def _under_way(today: date) -> dict[str, date]:
    return {"course__term__starts_on__lte": today, "course__term__ends_on__gte": today}


def _window_is_over(now: datetime) -> Q:
    """Sessions that can no longer be opened. Courses with a policy of their own are few."""
    courses = set(
        Policy.objects.filter(course__isnull=False).order_by().values_list("course_id", flat=True)
    )
    policies = policies_for(course_ids=courses | {CAMPUS})
    campus = policies.pop(CAMPUS)
    found = ~Q(course__in=courses) & _started_before(now, campus)
    for course_id, policy in policies.items():
        found |= Q(course=course_id) & _started_before(now, policy)
    return found


def _started_before(now: datetime, policy: Policy) -> Q:
    return Q(starts_at__lt=now - timedelta(minutes=policy.open_after_minutes))
