"""Signing in at an OpenID provider of the campus."""

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from apps.identity_providers.begun import take
from apps.identity_providers.flow import begin, finish
from apps.identity_providers.metadata import known_metadata
from apps.identity_providers.models import IdentityProvider
from apps.identity_providers.problems import SignInProblem, SignInRefusal
from apps.identity_providers.views.shared import admit, of_provider
from apps.tenants.addresses import asked_host, campus_url


def callback_address(request: HttpRequest, provider: IdentityProvider) -> str:
    """At the campus's own domain, whatever the request calls its host."""
    return campus_url(reverse("provider_callback", args=[provider.pk]), host=asked_host(request))


def address_to(request: HttpRequest, provider: IdentityProvider, *, leads_to: str) -> str:
    """Where the provider signs in. Raises `SignInProblem`."""
    return begin(
        provider,
        request.session,
        redirect_uri=callback_address(request, provider),
        leads_to=leads_to,
        now=timezone.now(),
    )


@never_cache
@require_GET
@of_provider
def callback(request: HttpRequest, provider: IdentityProvider) -> HttpResponse:
    """Where the provider leads back to."""
    if provider.is_saml:
        raise SignInProblem(SignInRefusal.STALE, "a provider of another protocol")
    now, answer = timezone.now(), request.GET.dict()
    begun = take(provider, request.session, str(answer.get("state", "")), now=now)
    where = callback_address(request, provider)
    said = {name: str(value) for name, value in answer.items()}
    claims = finish(provider, said, begun, redirect_uri=where, now=now)
    return admit(request, provider, claims, leads_to=begun.leads_to)


def end_address(request: HttpRequest, provider: IdentityProvider) -> str:
    """Where the provider signs out: RP-Initiated Logout 1.0. By the client, as we keep no token."""
    metadata = known_metadata(provider)
    if metadata is None or not metadata.end_session_endpoint:
        return ""
    back = campus_url(reverse("account_login"), host=asked_host(request))
    query = urlencode({"client_id": provider.client_id, "post_logout_redirect_uri": back})
    address = metadata.end_session_endpoint
    return f"{address}{'&' if '?' in address else '?'}{query}"
