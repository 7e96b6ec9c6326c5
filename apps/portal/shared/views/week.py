"""The week of a student or a lecturer, and the link that shows it in a calendar."""

from datetime import date, timedelta
from itertools import groupby
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.selectors import faculty_of, student_of
from apps.audit.actors import request_actor
from apps.common.errors import Forbidden
from apps.portal.shared.pages import portal_page
from apps.sessions.models import ClassSession
from apps.tenants.addresses import asked_host, campus_url
from apps.tenants.middleware import request_campus
from apps.timetable.selectors.schedule import between, days_of_view, sessions_of_person
from apps.timetable.services import calendar_link_create

WEEK = timedelta(days=7)


def _asked_day(request: HttpRequest) -> date:
    """The day that was asked for; today where it cannot be read or is far away."""
    today = timezone.localdate()
    try:
        asked = parse_date(request.GET.get("date", ""))
    except ValueError:  # like 2026-02-30
        asked = None
    return asked if asked and abs((asked - today).days) <= 3660 else today


def _lanes(sessions: list[Any]) -> list[Any]:
    """Adds to each session of a day where a timetable draws it: `from_minute` and `to_minute` of
    the day, and its `lane` of `lanes`: sessions at the same time stand side by side."""
    together: list[Any] = []
    ends_at = None
    for session in sessions:
        if ends_at is not None and session.starts_at >= ends_at:
            together, ends_at = [], None
        starts, ends = (timezone.localtime(at) for at in (session.starts_at, session.ends_at))
        session.from_minute = starts.hour * 60 + starts.minute
        midnight = 0 if ends.date() == starts.date() else 24 * 60
        session.to_minute = min(ends.hour * 60 + ends.minute + midnight, 24 * 60)
        taken = {other.lane for other in together if other.ends_at > session.starts_at}
        session.lane = next(lane for lane in range(len(taken) + 1) if lane not in taken)
        together.append(session)
        ends_at = max(ends_at or session.ends_at, session.ends_at)
        lanes = max(other.lane for other in together) + 1
        for other in together:
            other.lanes = lanes
    return sessions


def _own_sessions(request: HttpRequest) -> QuerySet[ClassSession]:
    student, faculty = student_of(user=request.user), faculty_of(user=request.user)
    if student is None and faculty is None:
        raise Forbidden("no_schedule", _("Only students and lecturers have a week."))
    return sessions_of_person(student=student, faculty=faculty)


@require_GET
@portal_page
def week(request: HttpRequest) -> HttpResponse:
    """Monday to Sunday around a day, cancelled sessions included."""
    first, last = days_of_view(on=_asked_day(request), view="week")
    zone = request_campus(request).zone
    found = between(_own_sessions(request), first=first, last=last, zone=zone)
    by_day = {
        day: _lanes(list(group))
        for day, group in groupby(found, key=lambda row: timezone.localdate(row.starts_at))
    }
    days = [first + timedelta(days=number) for number in range(7)]
    context = {
        "first": first,
        "last": last,
        "before": first - WEEK,
        "after": first + WEEK,
        "today": timezone.localdate(),
        "faculty": faculty_of(user=request.user),
        # The weekend is shown where something happens on it.
        "days": [(day, by_day.get(day, [])) for day in days if day.weekday() < 5 or day in by_day],
    }
    return render(request, "portal/shared/week.html", context)


@require_POST
@portal_page
def calendar_link(request: HttpRequest) -> HttpResponse:
    """A new secret address of the own calendar; shown once, the one before stops working."""
    _own_sessions(request)
    token = calendar_link_create(
        user=request.user, now=timezone.now(), actor=request_actor(request)
    )
    url = campus_url(reverse("calendar-feed", args=[token]), host=asked_host(request))
    return render(request, "portal/shared/_calendar_link.html", {"url": url})
