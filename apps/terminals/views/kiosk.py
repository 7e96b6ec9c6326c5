"""The kiosk: a tablet at the door that knows one session and nobody's pages.

Whoever opens it is signed out in that browser; a cookie of its own, for these addresses alone,
holds the kiosk's token until the session is over.
"""

from collections.abc import Callable, Collection
from functools import wraps
from typing import Any, Final

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_GET, require_POST
from rest_framework import serializers

from apps.accounts.models import Role, Student
from apps.accounts.requests import has_role, request_faculty
from apps.attendance.models import Arrivals
from apps.attendance.selectors.policies import policy_for
from apps.audit.actors import request_actor
from apps.checkin.models import CheckInAttempt, Outcome, Reason
from apps.common.errors import Forbidden, Invalid, Refused
from apps.common.fields import MomentField
from apps.common.inputs import Input
from apps.common.strict_json import UnreadableJSON, loads
from apps.sessions.models import ClassSession
from apps.sessions.selectors import any_session, session_of
from apps.tenants.middleware import refuse, request_campus
from apps.terminals.models import CardTerminal, Punch
from apps.terminals.selectors import terminal_by_token
from apps.terminals.services.kiosks import kiosk_code_use
from apps.terminals.services.punches import PunchInput, punches_take
from apps.terminals.services.terminals import kiosk_close, kiosk_open

COOKIE: Final = "campus_kiosk"
PATH: Final = "/kiosk/"
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
    return terminal_by_token(text, now=timezone.now(), kind=CardTerminal.Kind.KIOSK)


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
    if not request.user.is_authenticated:
        return redirect(settings.LOGIN_URL)
    if has_role(request, Role.ADMIN, Role.OPERATOR):
        session = any_session(session_id=session_id)
    elif has_role(request, Role.FACULTY):
        session = session_of(faculty=request_faculty(request), session_id=session_id)
    else:
        raise Forbidden("role_required", _("Your role does not allow this."))
    kiosk, token = kiosk_open(session=session, now=timezone.now(), actor=request_actor(request))
    logout(request)
    response = redirect("kiosk")
    response.set_cookie(
        COOKIE,
        token,
        expires=kiosk.ends_at,
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
    kiosk = kiosk_of(request)
    session = None if kiosk is None else _session(kiosk)
    if session is None or session.status != ClassSession.Status.OPEN:
        return render(request, "terminals/kiosk_ended.html", status=403)
    with timezone.override(request_campus(request).zone):
        return render(
            request,
            "terminals/kiosk.html",
            {"session": session, "cards": session.policy.get("card_weight") is not None},
        )


def _session(kiosk: CardTerminal) -> ClassSession:
    rows = ClassSession.objects.select_related("course__subject", "classroom__building")
    return rows.get(kiosks=kiosk)


@require_POST
@never_cache
@_refusing
def kiosk_punch(request: HttpRequest) -> HttpResponse:
    """Cards that were read here; what was kept without network comes later, with its ids."""
    kiosk = kiosk_of(request)
    if kiosk is None:
        raise _ended()
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
    shown = _Shown(_session(kiosk), rows)
    return JsonResponse({"results": [{"id": row.key, **shown.punch(row)} for row in rows]})


@require_POST
@never_cache
@_refusing
def kiosk_code(request: HttpRequest) -> HttpResponse:
    """A student's number with the code that the lecturer told them."""
    kiosk = kiosk_of(request)
    if kiosk is None:
        raise _ended()
    sent = _sent(request, KioskCodeInput)
    used = kiosk_code_use(
        kiosk=kiosk, code_of=sent["number"], code=sent["code"], now=timezone.now()
    )
    shown = _Shown(_session(kiosk))
    if used.student is None:
        return JsonResponse(shown.refused(str(Reason(used.reason).label)))
    return JsonResponse(shown.welcome(used.student))


@require_POST
@never_cache
def kiosk_end(request: HttpRequest) -> HttpResponse:
    """Make it an ordinary browser again."""
    kiosk = kiosk_of(request)
    if kiosk is not None:
        kiosk_close(kiosk=kiosk, now=timezone.now(), actor=request_actor(request))
    response = redirect(settings.LOGIN_URL)
    response.delete_cookie(COOKIE, path=PATH, samesite="Strict")
    return response


def _ended() -> Forbidden:
    return Forbidden("kiosk_ended", _("This kiosk has ended. Open it again from the session."))


def _sent(request: HttpRequest, form: type[Input]) -> dict[str, Any]:
    try:
        read = form(data=loads(request.body))
    except UnreadableJSON as error:
        raise Invalid(error.code, error.message) from error
    if not read.is_valid():
        raise Invalid("invalid", _("This could not be read."))
    return dict(read.validated_data)


class _Shown:
    """What the screen says, large: names as the projector may show them."""

    def __init__(self, session: ClassSession, punches: Collection[Punch] = ()) -> None:
        self.names = policy_for(course=session.course).arrivals
        ids = {punch.attempt_id for punch in punches if punch.attempt_id is not None}
        waiting = CheckInAttempt.objects.filter(pk__in=ids, outcome=Outcome.WAITING)
        self.waiting = set(waiting.values_list("pk", flat=True)) if ids else set()

    def punch(self, row: Punch) -> dict[str, str]:
        if row.student is None or row.status in (Punch.Status.QUEUED, Punch.Status.ASIDE):
            return self.refused(str(row.get_reason_display()))
        if row.attempt_id in self.waiting:
            return {
                **self.welcome(row.student),
                "state": "waits",
                "text": str(Reason.CARD_ALONE.label),
            }
        text = _("You are marked already.") if row.reason else ""
        return {**self.welcome(row.student), "text": text}

    def welcome(self, student: Student) -> dict[str, str]:
        name = {
            Arrivals.NAMES: str(student),
            Arrivals.INITIALS: "".join(
                f"{part[0]}." for part in (student.first_name, student.last_name) if part
            ),
        }.get(Arrivals(self.names), "")
        return {"state": "welcome", "name": name, "text": ""}

    @staticmethod
    def refused(text: str) -> dict[str, str]:
        return {"state": "refused", "name": "", "text": text}
