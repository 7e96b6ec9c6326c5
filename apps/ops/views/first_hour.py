"""The set-up page of an empty installation, and what the list of first steps can do."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final
from urllib.parse import quote

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.totp.internal.auth import clear_totp_secret, get_totp_secret
from allauth.mfa.webauthn.internal.auth import begin_registration
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from apps.accounts.models import User
from apps.accounts.requests import request_user
from apps.audit.actors import request_actor
from apps.common.errors import Forbidden, Invalid, Refused
from apps.ops.first_hour.campuses import user_id_reserve
from apps.ops.first_hour.checklist import (
    first_steps_show,
    may_see_first_steps,
    test_mail_send,
)
from apps.ops.first_hour.links import setup_link_is_good
from apps.ops.first_hour.set_up import no_such_link, set_up
from apps.ops.forms import SetUpForm
from apps.qr_otp.drawing import code_svg
from apps.tenants.addresses import asked_host
from apps.tenants.middleware import CHOSEN_CAMPUS, refuse
from apps.tenants.models import Campus
from apps.tenants.scope import platform_scope

RESERVED: Final = "set_up_user_id"  # of the session
OF_CAMPUS: Final = (
    *("campus_name", "slug", "host", "time_zone", "email_domains", "language", "logo"),
)
View = Callable[..., HttpResponse]


@never_cache
@sensitive_post_parameters("password", "password_again", "code")
@require_http_methods(["GET", "POST"])
def set_up_page(request: HttpRequest, token: str) -> HttpResponse:
    """Super administrator, first campus, first administrator; then signed in on that campus."""
    if not setup_link_is_good(token=token):
        return refuse(request, no_such_link())
    host = asked_host(request).lower()
    form = SetUpForm(
        request.POST or None,
        request.FILES or None,
        secret=get_totp_secret(),
        owner=_owner(request),
        asked_host=host,
        initial={"host": host, "time_zone": "UTC"},
    )
    if request.method == "POST" and form.is_valid():
        try:
            user, campus = set_up(
                token=token, wish=form.wish(), now=timezone.now(), actor=request_actor(request)
            )
        except Invalid as refusal:
            form.refuse(refusal.extra.get("fields", {}), str(refusal.message))
        except Refused as refusal:
            return refuse(request, refusal)
        else:
            return _signed_in(request, user, campus, by_passkey=form.passkey is not None)
    return _form_page(request, form)


def _owner(request: HttpRequest) -> User:
    """Whom a passkey is made for: a passkey holds the id that its account will have."""
    reserved = request.session.get(RESERVED) or user_id_reserve()
    request.session[RESERVED] = reserved
    return User(pk=reserved, email="you", name="you")


def _form_page(request: HttpRequest, form: SetUpForm) -> HttpResponse:
    place = quote(f"Campus:{form.asked_host}")
    key = f"otpauth://totp/{place}?secret={form.secret}&issuer=Campus"
    context = {
        "form": form,
        "code_svg": code_svg(key),
        "secret": " ".join(form.secret[i : i + 4] for i in range(0, len(form.secret), 4)),
        "you": [form[name] for name in ("name", "email")],
        "passkey_options": begin_registration(form.owner, passwordless=True),
        "of_campus": [form[name] for name in OF_CAMPUS if name in form.fields],
        "only_language": "" if "language" in form.fields else settings.LANGUAGES[0][1],
        "of_admin": [form[name] for name in ("admin_email", "admin_name")],
    }
    return render(request, "ops/set_up.html", context, status=400 if form.errors else 200)


def _signed_in(
    request: HttpRequest, user: User, campus: Campus, *, by_passkey: bool
) -> HttpResponse:
    """All that signs in was just shown; the campus is chosen, whatever host this is."""
    clear_totp_secret(request)
    del request.session[RESERVED]
    adapter = get_adapter(request)
    adapter.begin(request, user)
    with platform_scope():
        adapter.login(request, user)
    if by_passkey:
        record_authentication(request, user, "mfa", type="webauthn", passwordless=True)
        text = _("The installation is set up. Add a passkey of another device too: %(place)s.")
        place = _("Passkeys, in the menu of the account")
    else:
        record_authentication(request, user, "password", email=user.email)
        record_authentication(request, user, "mfa", type="totp")
        text = _("The installation is set up. Keep your recovery codes: %(place)s.")
        place = _("Two-factor authentication, in the menu of the account")
    request.session[CHOSEN_CAMPUS] = campus.pk
    messages.success(request, text % {"place": place})
    return redirect("admin:index")


def for_administrators(view: View) -> View:
    """Of the entered campus, and the platform's; others are refused, nobody signs in first."""

    @wraps(view)
    def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_authenticated:
            return redirect_to_login(reverse("admin:index"))
        try:
            if not may_see_first_steps(request):
                raise Forbidden("not_an_administrator", _("This is for administrators."))
            return view(request, *args, **kwargs)
        except Refused as refusal:
            return refuse(request, refusal)

    return page


@require_POST
@for_administrators
def first_steps_test_mail(request: HttpRequest) -> HttpResponse:
    """Send an e-mail to who asks, the way that all the campus's e-mails go."""
    user = request_user(request)
    heard = test_mail_send(user=user, now=timezone.now(), actor=request_actor(request))
    if heard:
        text = _("A test mail to %(email)s is on its way. It is ticked when it was sent.")
        messages.success(request, text % {"email": user.email})
    else:
        messages.error(
            request,
            _("No test mail: e-mail is not configured, or you have no role on this campus."),
        )
    return redirect("admin:index")


@require_POST
@for_administrators
def first_steps_hide(request: HttpRequest) -> HttpResponse:
    """Not shown any more to any administrator of the campus."""
    first_steps_show(shown=False, now=timezone.now(), actor=request_actor(request))
    text = _("Hidden for all administrators. “Logo and first steps”, below, brings it back.")
    messages.success(request, text)
    return redirect("admin:index")


@require_POST
@for_administrators
def first_steps_bring_back(request: HttpRequest) -> HttpResponse:
    first_steps_show(shown=True, now=timezone.now(), actor=request_actor(request))
    return redirect("admin:index")
