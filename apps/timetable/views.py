"""The calendar feed: read by calendar programs, which know nothing but its address."""

import hashlib

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.utils.http import http_date
from django.views.decorators.http import require_safe

from apps.accounts.selectors import faculty_of, student_of
from apps.common.errors import NotFound
from apps.tenants.middleware import request_campus
from apps.timetable.ical import feed_days, render_feed
from apps.timetable.selectors.feeds import feed_owner
from apps.timetable.selectors.schedule import between, sessions_of_person


@require_safe
def calendar_feed(request: HttpRequest, token: str) -> HttpResponseBase:
    """The sessions of the token's owner. Conditional by ETag.

    A date alone decides nothing: a session that was deleted leaves no newer one behind.
    """
    try:
        user = feed_owner(token=token)
    except NotFound as error:
        raise Http404 from error
    campus = request_campus(request)
    first, last = feed_days(now=timezone.now(), zone=campus.zone)
    mine = sessions_of_person(student=student_of(user=user), faculty=faculty_of(user=user))
    sessions = list(between(mine, first=first, last=last, zone=campus.zone))
    body = render_feed(campus=campus, sessions=sessions)
    etag = f'"{hashlib.sha256(body).hexdigest()}"'
    response = HttpResponse(body, content_type="text/calendar; charset=utf-8")
    response["ETag"] = etag
    response["Content-Disposition"] = 'inline; filename="timetable.ics"'
    response["X-Robots-Tag"] = "noindex"
    if sessions:
        response["Last-Modified"] = http_date(max(s.updated_at for s in sessions).timestamp())
    conditional: HttpResponseBase | None = get_conditional_response(
        request, etag=etag, response=response
    )
    return conditional or response
