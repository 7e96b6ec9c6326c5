"""The kiosk: a tablet at the door that knows one session, or one room, and nobody's pages.

Whoever opens it is signed out in that browser; a cookie of its own, for these addresses alone,
holds the kiosk's token until the session is over, or of a room's until that is replaced.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from hashlib import sha256
from typing import Any, Final

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from rest_framework import serializers

from apps.accounts.models import Role
from apps.accounts.requests import has_role, request_faculty
from apps.audit.actors import request_actor
from apps.common.errors import Forbidden, Invalid, Refused
from apps.common.fields import MomentField
from apps.common.inputs import Input
from apps.common.moments import local
from apps.common.route_limits import is_within, too_many
from apps.common.strict_json import UnreadableJSON, loads
from apps.sessions.selectors import any_session, session_of
from apps.tenants.middleware import refuse, request_campus
from apps.terminals.models import CardTerminal
from apps.terminals.selectors import kiosk_view, room_of, terminal_by_token
from apps.terminals.services.kiosks import kiosk_code_use
from apps.terminals.services.punches import PunchInput, punches_take
from apps.terminals.services.terminals import (
    kiosk_close,
    kiosk_open,
    room_kiosk_open,
    terminal_heard,
)
from apps.terminals.views.kiosk_answers import code_answer, punch_answers

COOKIE: Final = "campus_kiosk"
PATH: Final = "/kiosk/"
KEPT_FOR: Final = timedelta(days=400)  # of a room's; browsers keep no cookie longer (RFC 6265bis)
KINDS: Final = (CardTerminal.Kind.KIOSK, CardTerminal.Kind.ROOM_KIOSK)
MOST: Final = 100  # punches that a tablet without network sends at once


class KioskPunchInput(Input):
    card = serializers.CharField(max_length=200)
    at = MomentField()
    id = serializers.CharField(max_length=64)


class KioskPunchesInput(Input):
    punches = serializers.ListField(child=KioskPunchInput(), min_length=1, max_length=MOST)
    sent_at = MomentField()


class KioskCodeInput(Input):
    number = serializers.CharField(max_length=50)
    code = serializers.CharField(max_length=20)


def kiosk_of(request: HttpRequest) -> CardTerminal | None:
    """The kiosk that this browser is, if it is one and has not ended."""
    text = request.COOKIES.get(COOKIE, "")
    return terminal_by_token(text, now=timezone.now(), kinds=KINDS)


def _keep_of_room(kiosk: CardTerminal | None) -> None:
    """What is done at the door must not end a room's kiosk, which hangs there for a term."""
    if kiosk is not None and kiosk.kind == CardTerminal.Kind.ROOM_KIOSK:
        raise Forbidden("kiosk_of_room", _("The kiosk of a room is ended by an administrator."))


def _asking(request: HttpRequest) -> CardTerminal:
    """The kiosk that sends a card or a code, so often and no oftener."""
    kiosk = kiosk_of(request)
    if kiosk is None:
        raise Forbidden("kiosk_ended", _("This kiosk has ended. It has to be opened again."))
    if not is_within("kiosk_one", kiosk.pk):
        raise too_many("kiosk_one")
    return kiosk


def _refusing(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A refusal is a page, or JSON for who asks for it."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except Refused as refusal:
            return refuse(request, refusal)

    return answer


@require_POST
@never_cache
@_refusing
def kiosk_begin(request: HttpRequest, session_id: int) -> HttpResponse:
    """Make this browser a kiosk of an open session: of one's own, or any one for the office."""
    _keep_of_room(kiosk_of(request))
    if not request.user.is_authenticated:
        return redirect(settings.LOGIN_URL)
    if has_role(request, Role.ADMIN, Role.OPERATOR):
        session = any_session(session_id=session_id)
    elif has_role(request, Role.FACULTY):
        session = session_of(faculty=request_faculty(request), session_id=session_id)
    else:
        raise Forbidden("role_required", _("Your role does not allow this."))
    kiosk, token = kiosk_open(session=session, now=timezone.now(), actor=request_actor(request))
    assert kiosk.ends_at is not None  # with its session
    return _become(request, token, until=kiosk.ends_at)


@require_http_methods(["GET", "POST"])
@never_cache
def room_kiosk_begin(request: HttpRequest) -> HttpResponse:
    """Make this browser the kiosk of a room, by the code that the administration shows once.

    The link has it behind a #, which browsers send to nobody: it comes in the form.
    """
    refusal = None
    if request.method == "POST":
        now, code = timezone.now(), request.POST.get("code", "")
        try:
            token = room_kiosk_open(code=code, now=now, actor=request_actor(request))
            return _become(request, token, until=now + KEPT_FOR)
        except Forbidden as error:
            refusal = error
    status = refusal.status if refusal else 200
    return render(request, "terminals/kiosk_open.html", {"refusal": refusal}, status=status)


def _become(request: HttpRequest, token: str, *, until: datetime) -> HttpResponse:
    """Nobody is signed in here any more; it is a kiosk."""
    logout(request)
    response = redirect("kiosk")
    response.set_cookie(
        COOKIE,
        token,
        expires=until,
        path=PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Strict",
    )
    return response


@require_GET
@never_cache
@ensure_csrf_cookie
def kiosk_page(request: HttpRequest) -> HttpResponse:
    """What is on now. A room's kiosk asks again every 20 s for that part alone, mostly a 304."""
    kiosk, now = kiosk_of(request), timezone.now()
    view = None if kiosk is None else kiosk_view(kiosk=kiosk, now=now)
    is_room = kiosk is not None and kiosk.kind == CardTerminal.Kind.ROOM_KIOSK
    if kiosk is None or view is None or not (is_room or view.sessions):
        return render(request, "terminals/kiosk_ended.html", status=403)
    terminal_heard(terminal=kiosk, now=now)
    zone = request_campus(request).zone
    following = view.following
    context = {
        "kiosk": kiosk,
        "view": view,
        "room": room_of(kiosk) if is_room else None,
        "is_today": following is not None
        and local(following.starts_at, zone).date() == local(now, zone).date(),
    }
    with timezone.override(zone):
        if not request.headers.get("HX-Request"):
            return render(request, "terminals/kiosk.html", context)
        part = render(request, "terminals/_kiosk_now.html", context)
    etag = f'"{sha256(part.content).hexdigest()}"'
    part["ETag"] = etag
    answer: Any = get_conditional_response(request, etag=etag, response=part)
    return answer or part


@require_POST
@never_cache
@_refusing
def kiosk_punch(request: HttpRequest) -> HttpResponse:
    """Cards that were read here; what was kept without network comes later, with its ids."""
    kiosk = _asking(request)
    sent = _sent(request, KioskPunchesInput)
    now = timezone.now()
    rows = punches_take(
        terminal=kiosk,
        punches=[
            PunchInput(key=one["id"], card=one["card"], read_at=one["at"])
            for one in sent["punches"]
        ],
        now=now,
        sent_at=sent["sent_at"],
    )
    return JsonResponse({"results": punch_answers(rows)})


@require_POST
@never_cache
@_refusing
def kiosk_code(request: HttpRequest) -> HttpResponse:
    """A student's number with the code that the lecturer told them."""
    kiosk = _asking(request)
    sent = _sent(request, KioskCodeInput)
    used = kiosk_code_use(
        kiosk=kiosk, code_of=sent["number"], code=sent["code"], now=timezone.now()
    )
    return JsonResponse(code_answer(used))


@require_POST
@never_cache
@_refusing
def kiosk_end(request: HttpRequest) -> HttpResponse:
    """Make it an ordinary browser again. A room's is ended by the administration, not at a door."""
    kiosk = kiosk_of(request)
    _keep_of_room(kiosk)
    if kiosk is not None:
        kiosk_close(kiosk=kiosk, now=timezone.now(), actor=request_actor(request))
    response = redirect(settings.LOGIN_URL)
    response.delete_cookie(COOKIE, path=PATH, samesite="Strict")
    return response


def _sent(request: HttpRequest, form: type[Input]) -> dict[str, Any]:
    try:
        read = form(data=loads(request.body))
    except UnreadableJSON as error:
        raise Invalid(error.code, error.message) from error
    if not read.is_valid():
        raise Invalid("invalid", _("This could not be read."))
    return dict(read.validated_data)
