"""A person's sessions as an iCalendar file (RFC 5545)."""

import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from icalendar import Calendar, Event

from apps.common.moments import local
from apps.sessions.models import ClassSession
from apps.tenants.models import Campus
from apps.timetable.vtimezone import time_zone_component

PAST: Final = timedelta(days=60)
AHEAD: Final = timedelta(days=400)
ASK_AGAIN: Final = timedelta(hours=1)
# No text has these (RFC 5545 §3.1, §3.3.11), and some programs take them for the end of a line.
_NO_TEXT: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029]+")
PRODUCT: Final = "-//Campus//Timetable//EN"


def feed_days(*, now: datetime, zone: ZoneInfo) -> tuple[date, date]:
    """First and last day that a feed covers."""
    today = now.astimezone(zone).date()
    return today - PAST, today + AHEAD


def render_feed(*, campus: Campus, sessions: Iterable[ClassSession]) -> bytes:
    """The same sessions give the same bytes: nothing depends on when it is asked for."""
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("x-wr-calname", _plain(campus.name))
    calendar.add("x-wr-timezone", campus.time_zone)
    calendar.add("refresh-interval", ASK_AGAIN, parameters={"value": "DURATION"})
    calendar.add("x-published-ttl", "PT1H")
    shown = list(sessions)
    if shown and campus.time_zone != "UTC":  # UTC has a letter of its own
        first = min(session.starts_at for session in shown)
        last = max(session.ends_at for session in shown)
        calendar.add_component(time_zone_component(campus.zone, first=first, last=last))
    for session in shown:
        calendar.add_component(_event(session, campus))
    body: bytes = calendar.to_ical()
    return body


def _event(session: ClassSession, campus: Campus) -> Event:
    """`DTSTAMP` is the last change, as §3.8.7.2 asks of calendars without a method."""
    zone = campus.zone
    is_cancelled = session.status == ClassSession.Status.CANCELLED
    event = Event()
    event.add("uid", f"session-{session.pk}@{campus.slug}.campus")
    event.add("dtstamp", session.updated_at)
    event.add("created", session.created_at)
    event.add("last-modified", session.updated_at)
    event.add("sequence", session.revision)
    event.add("dtstart", local(session.starts_at, zone))
    event.add("dtend", local(session.ends_at, zone))
    event.add("summary", _plain(session.title))
    if session.classroom is not None:
        event.add("location", _plain(str(session.classroom)))
    event.add("description", _plain(_description(session)))
    event.add("status", "CANCELLED" if is_cancelled else "CONFIRMED")
    event.add("transp", "TRANSPARENT" if is_cancelled else "OPAQUE")
    return event


def _description(session: ClassSession) -> str:
    lines = [_("Lecturer: %(name)s") % {"name": session.faculty.full_name}]
    if session.topic:
        lines.insert(0, session.topic)
    return "\n".join(lines)


def _plain(text: str) -> str:
    """Without control characters; ends of lines stay, which the library writes as such."""
    return _NO_TEXT.sub(" ", text)
