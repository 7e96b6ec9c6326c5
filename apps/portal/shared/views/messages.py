"""Messages: the inbox, preferences, and notifications in the browser."""

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.staticfiles import finders
from django.core.paginator import Paginator
from django.db.models import F
from django.db.models.lookups import IsNull
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.models import Role, User
from apps.accounts.permissions import ADMIN_ROLES, may_enter, roles_of
from apps.accounts.requests import request_user
from apps.common.errors import Forbidden, Refused
from apps.notifications import selectors, services
from apps.notifications.channels import configured
from apps.notifications.channels.web_push import public_key
from apps.notifications.message_types import MESSAGE_TYPES, MessageType
from apps.notifications.models import Channel, Delivery, DeviceType
from apps.notifications.rendering import in_language
from apps.portal.shared.forms import PreferencesForm
from apps.portal.shared.pages import portal_page

INBOX_PAGE: Final = 25
WORKER: Final = "js/portal/shared/service-worker.js"
SHELL_ENTRIES: Final = (
    "css/tokens.css",
    "css/portal/student/check-in.css",
    "css/portal/student/check-in-flow.css",
    "css/portal/student/scan.css",
    "img/favicon.svg",
    "img/logo.svg",
    "js/theme.js",
    "js/portal/student/kept-queue.js",
    "js/portal/student/scan.js",
)
SHELL_MODULES: Final = (
    "js/portal/student/api.js",
    "js/portal/student/camera.js",
    "js/portal/student/dom.js",
    "js/portal/student/evidence.js",
    "js/portal/student/keep.js",
    "js/portal/student/kept-queue.js",
    "js/portal/student/key.js",
    "js/portal/student/passkey.js",
    "js/portal/student/photo.js",
    "js/portal/student/place.js",
    "js/portal/student/scanner.js",
    "js/portal/student/viewfinder.js",
    "vendor/qr/decode.js",
    "vendor/qr/index.js",
)
# Types that students never get: their page does not ask about them.
STAFF_TYPES: Final = frozenset(
    {"leave_requested", "appeal_requested", "register_not_taken", "import_finished", "test"}
) | {"reading_waits"}
# Where a message of this type leads.
LINKS: Final = {
    "absence": "portal:my_attendance",
    "attendance_near": "portal:my_attendance",
    "attendance_warning": "portal:my_attendance",
    "consecutive_absences": "portal:my_attendance",
    "appeal_decided": "portal:my_attendance",
    "check_in_decided": "portal:my_attendance",
    "leave_decided": "portal:my_leave",
    "session_cancelled": "portal:week",
    "session_moved": "portal:week",
    "leave_requested": "portal:requests",
    "appeal_requested": "portal:requests",
    "register_not_taken": "portal:not_taken",
}


def _member(request: HttpRequest) -> User:
    user = request_user(request)
    if not may_enter(user):
        raise Forbidden("no_role_here", _("You have no role on this campus."))
    return user


@require_GET
@portal_page
def inbox(request: HttpRequest) -> HttpResponse:
    """The person's messages: those not read yet first, then the newest."""
    user = _member(request)
    rows = selectors.inbox(user=user).order_by(IsNull(F("read_at"), True).desc(), "-id")
    page = Paginator(rows, INBOX_PAGE).get_page(request.GET.get("page"))
    shown = [shown_message(row) for row in page]
    return render(request, "portal/shared/messages.html", {"page_obj": page, "shown": shown})


def shown_message(row: Delivery) -> dict[str, Any]:
    """An inbox entry in the reader's language, with the page that it leads to."""
    message = row.message
    title, body = in_language(
        kind=message.kind,
        title=message.title,
        body=message.body,
        data=message.data,
        language=get_language() or "",
    )
    link = LINKS.get(message.kind, "")
    return {"row": row, "message": message, "title": title, "body": body, "link": link}


@require_POST
@portal_page
def read(request: HttpRequest) -> HttpResponse:
    """The message that is named, else every one, is read."""
    user = _member(request)
    named = request.POST.get("message", "")
    try:
        chosen = [UUID(named)] if named else None
    except ValueError as error:
        raise Refused("no_such_message", _("There is no such message."), status=404) from error
    services.mark_read(user=user, message_ids=chosen, now=timezone.now())
    return redirect("portal:messages")


# --- Preferences ---------------------------------------------------------------------


def _types_for(user: User) -> list[MessageType]:
    staff = user.is_superuser or (ADMIN_ROLES | {Role.FACULTY}) & roles_of(user)
    return [found for found in MESSAGE_TYPES.values() if staff or found.code not in STAFF_TYPES]


@require_http_methods(["GET", "POST"])
@portal_page
def preferences(request: HttpRequest) -> HttpResponse:
    """Channels per type of message, quiet hours, and notifications in this browser."""
    user = _member(request)
    form = PreferencesForm(
        request.POST if request.method == "POST" else None,
        choices=selectors.choices_of(user=user),
        message_types=_types_for(user),
        channels=configured(),
    )
    if request.method == "POST" and form.is_valid():
        services.preferences_set(
            user=user, choices=form.preferences(), quiet_hours=form.quiet_hours()
        )
        messages.success(request, _("Saved."))
        return redirect("portal:messages_preferences")
    context = {"form": form, **_browser(user)}
    return render(
        request,
        "portal/shared/messages_preferences.html",
        context,
        status=422 if form.errors else 200,
    )


def _browser(user: User) -> dict[str, str]:
    """What the page's script needs to know of web push: nothing where it is not set up.

    The address that is registered goes out as a hash: enough for a browser to see that it is meant.
    """
    if Channel.WEB_PUSH not in configured():
        return {}
    tokens = selectors.push_tokens(user=user).filter(device_type=DeviceType.WEB)
    known = "".join(hashlib.sha256(token.token.encode()).hexdigest() for token in tokens)
    return {"push_key": public_key(), "push_known": known}


@cache
def _shell_line() -> bytes:
    """What the worker keeps for phones without network: no file of it knows who is signed in."""
    digest = hashlib.sha256()
    for name in (*SHELL_ENTRIES, *SHELL_MODULES):
        digest.update(Path(str(finders.find(name))).read_bytes())
    shell = {
        "version": digest.hexdigest()[:16],
        "page": reverse("portal:scan"),
        "queue": static("js/portal/student/kept-queue.js"),
        # Modules import each other by their own names, pages by those that `static` gives.
        "files": sorted(
            {static(name) for name in SHELL_ENTRIES}
            | {f"{settings.STATIC_URL}{name}" for name in SHELL_MODULES}
        ),
    }
    return f"self.SHELL = {json.dumps(shell)};\n".encode()


@require_GET
def service_worker(request: HttpRequest) -> HttpResponse:
    """The script that shows notices, and answers codes without network, while no page is open.

    Its first line names what it keeps, in the version of their content. A worker governs the
    addresses below its own, hence no static file: it has to stand at the top.
    """
    return HttpResponse(
        _shell_line() + Path(str(finders.find(WORKER))).read_bytes(),
        content_type="text/javascript; charset=utf-8",
        headers={"Cache-Control": "public, no-cache", "Service-Worker-Allowed": "/"},
    )
