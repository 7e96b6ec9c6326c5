"""The API keys of the person who is signed in: made, shown once, revoked."""

from typing import Any

from allauth.account.decorators import reauthentication_required
from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST

from apps.api_keys.models import ApiKey
from apps.api_keys.selectors import keys_of
from apps.api_keys.services import DAYS, key_make, keys_revoke, may_have_keys
from apps.audit.actors import request_actor
from apps.common.errors import Forbidden
from apps.common.texts import validate_line
from apps.portal.shared.pages import portal_page, refusals_told


class KeyForm(forms.Form):
    name = forms.CharField(
        label=_("What it is for"), max_length=100, validators=[validate_line], empty_value=""
    )
    scope = forms.ChoiceField(label=_("It may"), choices=ApiKey.Scope.choices)
    days = forms.TypedChoiceField(
        label=_("Good for"),
        coerce=int,
        choices=[(days, _("%(days)d days") % {"days": days}) for days in DAYS],
        initial=DAYS[1],
    )


@require_http_methods(["GET", "POST"])
@portal_page
def api_keys(request: HttpRequest) -> HttpResponse:
    """One's own, for those who work here, and who confirm their sign-in anew."""
    user: Any = request.user
    if not may_have_keys(user):
        raise Forbidden("role_required", gettext("Keys are for those who work on this campus."))
    answer: HttpResponse = _api_keys(request)
    return answer


@reauthentication_required
def _api_keys(request: HttpRequest) -> HttpResponse:
    """A new key is on the answer to its form and nowhere else."""
    user: Any = request.user
    form = KeyForm(request.POST or None)
    context: dict[str, Any] = {"form": form, "days": DAYS}
    if request.method == "POST" and form.is_valid():
        with refusals_told(request):
            made, text = key_make(
                user=user,
                now=timezone.now(),
                actor=request_actor(request),
                **form.cleaned_data,
            )
            context |= {"made": made, "text": text, "form": KeyForm()}
    context |= {"keys": keys_of(user=user), "now": timezone.now()}
    return render(request, "portal/shared/api_keys.html", context)


@require_POST
@portal_page
def api_key_revoke(request: HttpRequest) -> HttpResponse:
    """One of one's own; any other number changes nothing."""
    user: Any = request.user
    number = request.POST.get("key", "")
    mine = keys_of(user=user).filter(pk=number) if number.isdecimal() else ()
    keys_revoke(keys=mine, now=timezone.now(), actor=request_actor(request))
    return redirect("portal:api_keys")
