"""Where a button of the sign-in page leads, and what is shown after signing out."""

from typing import Any

from allauth.account.utils import get_next_redirect_url
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from apps.identity_providers.models import IdentityProvider
from apps.identity_providers.views import openid, saml
from apps.identity_providers.views.shared import of_provider


@never_cache
@require_GET
@of_provider
def sign_in(request: HttpRequest, provider: IdentityProvider) -> HttpResponse:
    """Lead to the provider. A link, so that portals of the campus can lead here as well."""
    protocol: Any = saml if provider.is_saml else openid
    wanted = get_next_redirect_url(request) or ""
    return HttpResponseRedirect(protocol.address_to(request, provider, leads_to=wanted))


@never_cache
@require_GET
@of_provider
def signed_out(request: HttpRequest, provider: IdentityProvider) -> HttpResponse:
    """After signing out here: the way to sign out at the provider too, where it offers one."""
    protocol: Any = saml if provider.is_saml else openid
    context = {"provider": provider, "way_out": protocol.end_address(request, provider)}
    return render(request, "identity_providers/signed_out.html", context)
