"""Forms that could not be acted on: kept until their sender has signed in again.

What was sent is kept in the browser's own session, never done by itself: the page that shows it
has a button that sends it once more, with a fresh token.
"""

from datetime import datetime, timedelta
from typing import Any, Final

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.signin.known_devices import device_of_request, mark_of
from apps.tenants.addresses import asked_origin

KEY: Final = "held_form"
KEPT_FOR: Final = timedelta(minutes=30)
LONGEST: Final = 20_000  # characters of all fields together
MOST_FIELDS: Final = 400
TOKEN: Final = "csrfmiddlewaretoken"  # noqa: S105  (the name of a field)

Fields = list[tuple[str, str]]

# What a form would have done, by the name of its address.
ACTS: Final[dict[str, Any]] = {
    "session_start": gettext_lazy("Start the session"),
    "session_start_unscheduled": gettext_lazy("Start an unscheduled session"),
    "session_complete": gettext_lazy("Complete the session"),
    "session_mark": gettext_lazy("Mark a student"),
    "session_waiting": gettext_lazy("Decide on check-ins that wait"),
    "session_undo": gettext_lazy("Undo marks"),
    "session_undo_cameras": gettext_lazy("Undo marks by cameras"),
    "session_off": gettext_lazy("Cancel a session"),
    "plan_create": gettext_lazy("Plan a session"),
    "plan_move": gettext_lazy("Move a session"),
    "plan_swap": gettext_lazy("Exchange two sessions"),
    "plan_cancel": gettext_lazy("Cancel a session"),
    "plan_substitute": gettext_lazy("Name a substitute"),
    "leave_decide": gettext_lazy("Decide on a request for leave"),
    "appeal_decide": gettext_lazy("Decide on an appeal"),
    "leave_create": gettext_lazy("Ask for leave"),
    "appeal_create": gettext_lazy("Appeal against a mark"),
}
# What people typed, and read again before they send it.
TYPED: Final[dict[str, Any]] = {
    "topic": gettext_lazy("Topic"),
    "reason": gettext_lazy("Reason"),
    "note": gettext_lazy("Note"),
    "text": gettext_lazy("Text"),
    "first_day": gettext_lazy("First day"),
    "last_day": gettext_lazy("Last day"),
    "day": gettext_lazy("Day"),
    "starts_at": gettext_lazy("Start"),
    "ends_at": gettext_lazy("End"),
}


def is_own_form(request: HttpRequest) -> bool:
    """Whether a page of ours sent this, as the browser says: another site's form is never kept."""
    origin = request.headers.get("Origin")
    if origin is None:
        return request.headers.get("Sec-Fetch-Site") == "same-origin"
    return origin == asked_origin(request)


def sent_fields(request: HttpRequest) -> Fields | None:
    """What was sent, without the token; None where it is too much to keep."""
    fields = [
        (name, value)
        for name, values in request.POST.lists()
        if name != TOKEN
        for value in values
        if isinstance(value, str)
    ]
    length = sum(len(name) + len(value) for name, value in fields)
    return fields if len(fields) <= MOST_FIELDS and length <= LONGEST else None


def held_hold(request: HttpRequest, *, now: datetime) -> bool:
    """Keep this form of the portal for the one who was signed in last in this browser."""
    match, device = request.resolver_match, device_of_request(request)
    fields = sent_fields(request)
    if match is None or match.app_name != "portal" or fields is None:
        return False
    if device is None or not device.marks or not is_own_form(request):
        return False
    request.session[KEY] = {
        "path": request.get_full_path(),
        "act": match.url_name,
        "fields": fields,
        "files": bool(request.FILES),
        "who": device.marks[-1],
        "at": now.isoformat(),
    }
    return True


def held_form(request: HttpRequest, *, now: datetime) -> dict[str, Any] | None:
    """What is kept for the person who is signed in now; nobody else reads it."""
    held: dict[str, Any] | None = request.session.get(KEY)
    if held is None or now - datetime.fromisoformat(held["at"]) > KEPT_FOR:
        return None
    return held if held["who"] == mark_of(request.user.email) else None  # type: ignore[union-attr]


def held_done(request: HttpRequest) -> None:
    """Forget what is kept once it is sent again."""
    if KEY in request.session and request.session[KEY]["path"] == request.get_full_path():
        del request.session[KEY]


def held_context(held: dict[str, Any]) -> dict[str, Any]:
    """What the page shows of it."""
    return {
        "held": held,
        "act": ACTS.get(held["act"], _("Send the form")),
        "typed": [
            (TYPED[name], value) for name, value in held["fields"] if name in TYPED and value
        ],
    }
