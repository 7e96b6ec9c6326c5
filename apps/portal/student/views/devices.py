"""The student's bound device, and where else they are signed in."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.models import Device
from apps.accounts.requests import request_student
from apps.accounts.selectors import device_of
from apps.accounts.services import rebind_cancel, rebind_request
from apps.accounts.services.devices import rebind_at
from apps.audit.actors import request_actor
from apps.common.errors import NotFound, Refused
from apps.portal.shared.pages import portal_page, refusals_told
from apps.portal.student.selectors.check_in import device_hash
from apps.signin.passkeys import student_passkeys
from apps.signin.requests import request_sign_ins, sign_ins_end
from apps.signin.services.replacement import old_enough_at
from apps.signin.user_agents import browser_words
from apps.tenants.addresses import asked_host


def device_words(device: Device) -> str:
    """What the student calls it: its name or model, a browser in words."""
    name = device.name or device.model
    return browser_words(name) if name.startswith("Mozilla/") else name


def icon_of(words: str) -> str:
    """The icon for what `browser_words` says."""
    is_phone = any(name in words for name in ("Android", "iPhone", "iPad"))
    return "phone" if is_phone else "laptop"


@require_GET
@portal_page
def devices(request: HttpRequest) -> HttpResponse:
    """The bound device and what can be done about it; browsers and apps that are signed in."""
    now = timezone.now()
    student = request_student(request)
    device = device_of(student=student)
    free_at = rebind_at(device) if device else None
    words = device_words(device) if device else ""
    sign_ins = [
        {
            "row": row,
            "words": browser_words(row.user_agent),
            "icon": icon_of(browser_words(row.user_agent)),
            "is_current": row.session_key == request.session.session_key,
        }
        for row in request_sign_ins(request, now=now)
    ]
    passkeys = student_passkeys(student=student)
    here = [passkey for passkey in passkeys if passkey.rp_id == asked_host(request)]
    context = {
        "device": device,
        "device_words": words,
        "device_hash": device_hash(device) if device and device.kind == Device.Kind.WEB else "",
        "device_icon": icon_of(words) if device and device.kind == Device.Kind.WEB else "phone",
        "rebind_at": free_at,
        "may_rebind": free_at is not None and free_at <= now,
        "passkeys": passkeys,
        "may_replace": any(old_enough_at(passkey) <= now for passkey in here),
        "sign_ins": sorted(sign_ins, key=lambda entry: not entry["is_current"]),
    }
    return render(request, "portal/student/devices.html", context)


@require_POST
@portal_page
def replace(request: HttpRequest) -> HttpResponse:
    """Ask to bind another device, or keep the one that is bound."""
    student, now, actor = request_student(request), timezone.now(), request_actor(request)
    with refusals_told(request):
        if request.POST.get("keep"):
            rebind_cancel(student=student, now=now, actor=actor)
            messages.success(request, _("Your device stays bound."))
        else:
            rebind_request(student=student, now=now, actor=actor)
            messages.success(request, _("Asked for. You can bind another device in 48 hours."))
    return redirect("portal:devices")


@require_POST
@portal_page
def lost(request: HttpRequest) -> HttpResponse:
    """The device is lost: another one is asked for, and nothing else stays signed in."""
    student, now, actor = request_student(request), timezone.now(), request_actor(request)
    try:
        rebind_request(student=student, now=now, actor=actor)
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect("portal:devices")
    sign_ins_end(request, now=now)
    messages.success(
        request,
        _(
            "You are signed out everywhere else, and can bind another device in 48 hours. "
            "The office can let you do so at once."
        ),
    )
    return redirect("portal:devices")


@require_POST
@portal_page
def sign_out(request: HttpRequest, sign_in_id: int | None = None) -> HttpResponse:
    """End the sign-in that is named, else every one but this."""
    request_student(request)
    ended = sign_ins_end(request, now=timezone.now(), only=sign_in_id)
    if sign_in_id is not None and not ended:
        raise NotFound("no_such_session", _("It is signed out already."))
    message = ngettext("Signed out in %(number)d place.", "Signed out in %(number)d places.", ended)
    messages.success(request, message % {"number": ended})
    return redirect("portal:devices")
