"""The set-up page of an empty installation, and what the list of first steps can do."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final
from urllib.parse import quote

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.totp.internal.auth import clear_totp_secret, get_totp_secret
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
from apps.board.document import code_svg
from apps.common.errors import Forbidden, Invalid, Refused
from apps.ops.first_hour.checklist import hidden_by, may_see_first_steps, test_mail_send
from apps.ops.first_hour.links import setup_link_is_good
from apps.ops.first_hour.set_up import no_such_link, set_up
from apps.ops.forms import SetUpForm
from apps.tenants.addresses import asked_host
from apps.tenants.middleware import CHOSEN_CAMPUS, refuse
from apps.tenants.models import Campus
from apps.tenants.scope import current_campus_id, platform_scope

HIDE_SECONDS: Final = 365 * 24 * 3600
OF_CAMPUS: Final = ("campus_name", "slug", "host", "time_zone", "email_domains", "language")
View = Callable[..., HttpResponse]


@never_cache
@sensitive_post_parameters("password", "password_again", "code")
@require_http_methods(["GET", "POST"])
def set_up_page(request: HttpRequest, token: str) -> HttpResponse:
    """Super administrator, first campus, first administrator; then signed in on that campus."""
    if not setup_link_is_good(token=token):
        return refuse(request, no_such_link())
    secret = get_totp_secret()
    form = SetUpForm(
        request.POST or None,
        secret=secret,
        initial={"host": asked_host(request).lower(), "time_zone": "UTC"},
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
            return _signed_in(request, user, campus)
    return _form_page(request, form)


def _form_page(request: HttpRequest, form: SetUpForm) -> HttpResponse:
    place = quote(f"Campus:{asked_host(request)}")
    key = f"otpauth://totp/{place}?secret={form.secret}&issuer=Campus"
    context = {
        "form": form,
        "code_svg": code_svg(key),
        "secret": " ".join(form.secret[i : i + 4] for i in range(0, len(form.secret), 4)),
        "you": [form[name] for name in ("name", "email", "password", "password_again")],
        "of_campus": [form[name] for name in OF_CAMPUS if name in form.fields],
        "of_admin": [form[name] for name in ("admin_email", "admin_name")],
    }
    return render(request, "ops/set_up.html", context, status=400 if form.errors else 200)


def _signed_in(request: HttpRequest, user: User, campus: Campus) -> HttpResponse:
    """Both factors were just shown; the campus is chosen, whatever host this is."""
    clear_totp_secret(request)
    adapter = get_adapter(request)
    adapter.begin(request, user)
    with platform_scope():
        adapter.login(request, user)
    record_authentication(request, user, "password", email=user.email)
    record_authentication(request, user, "mfa", type="totp")
    request.session[CHOSEN_CAMPUS] = campus.pk
    text = _("The installation is set up. Keep your recovery codes: %(place)s.")
    messages.success(
        request, text % {"place": _("Two-factor authentication, in the menu of the account")}
    )
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
    """Not shown any more in this browser."""
    response = redirect("admin:index")
    response.set_cookie(
        hidden_by(current_campus_id()),
        "hidden",
        max_age=HIDE_SECONDS,
        httponly=True,
        samesite="Lax",
        secure=request.is_secure(),
    )
    return response
