"""Signing in at a provider of the campus, and what is said when that fails."""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from allauth.account.internal.flows.login import perform_login, record_authentication
from allauth.account.models import Login
from allauth.account.utils import get_next_redirect_url
from allauth.core.exceptions import ImmediateHttpResponse
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from apps.audit.actors import request_actor
from apps.common.errors import Refused
from apps.identity_providers.claims import identity_of
from apps.identity_providers.flow import begin, finish, take
from apps.identity_providers.metadata import known_metadata
from apps.identity_providers.models import IdentityProvider
from apps.identity_providers.problems import SignInProblem, SignInRefusal
from apps.identity_providers.selectors import provider_by_id
from apps.identity_providers.services import person_admit
from apps.signin.bound import Vouched, vouch
from apps.tenants.addresses import asked_host, campus_url
from apps.tenants.middleware import refuse, request_campus
from apps.tenants.scope import entered_campus_id

logger = logging.getLogger(__name__)
View = Callable[[HttpRequest, IdentityProvider], HttpResponse]


def of_provider(view: View) -> Callable[..., HttpResponse]:
    """A page of one active provider of the entered campus; what goes wrong is a page as well."""

    @wraps(view)
    def page(request: HttpRequest, provider_id: UUID) -> HttpResponse:
        if entered_campus_id() is None:  # these addresses are answered outside campuses too
            return refuse(request, Refused("unknown_campus", "No campus.", status=404))
        try:
            provider = provider_by_id(provider_id=provider_id)
        except Refused as refusal:
            return refuse(request, refusal)
        try:
            return view(request, provider)
        except SignInProblem as problem:
            logger.warning("Sign-in at provider %s failed: %s", provider.pk, problem)
            return problem_page(request, provider, problem.problem)
        except Refused as refusal:  # a campus without a domain
            return refuse(request, refusal)

    return page


def problem_page(
    request: HttpRequest, provider: IdentityProvider, problem: SignInRefusal
) -> HttpResponse:
    context = {"provider": provider, "text": problem.label % {"provider": provider.name}}
    page = "identity_providers/problem.html"
    response: HttpResponse = render(request, page, context, status=problem.status)
    return response


def callback_address(request: HttpRequest, provider: IdentityProvider) -> str:
    """At the campus's own domain, whatever the request calls its host."""
    return campus_url(reverse("provider_callback", args=[provider.pk]), host=asked_host(request))


@never_cache
@require_GET
@of_provider
def sign_in(request: HttpRequest, provider: IdentityProvider) -> HttpResponse:
    """Lead to the provider. A link, so that portals of the campus can lead here as well."""
    address = begin(
        provider,
        request.session,
        redirect_uri=callback_address(request, provider),
        leads_to=get_next_redirect_url(request) or "",
        now=timezone.now(),
    )
    return HttpResponseRedirect(address)


@never_cache
@require_GET
@of_provider
def callback(request: HttpRequest, provider: IdentityProvider) -> HttpResponse:
    """Where the provider leads back to."""
    now, answer = timezone.now(), request.GET.dict()
    begun = take(provider, request.session, str(answer.get("state", "")), now=now)
    where = callback_address(request, provider)
    said = {name: str(value) for name, value in answer.items()}
    claims = finish(provider, said, begun, redirect_uri=where, now=now)
    identity = identity_of(provider, claims, domains=request_campus(request).email_domains)
    admission = person_admit(
        provider=provider, identity=identity, now=now, actor=request_actor(request)
    )
    if admission.user is None:
        return problem_page(request, provider, admission.problem or SignInRefusal.UNKNOWN)
    multi_factor = provider.accepts_multi_factor and identity.multi_factor
    vouch(request, Vouched(provider=str(provider.pk), multi_factor=multi_factor))
    return _enter(request, admission.user, leads_to=begun.leads_to)


def _enter(request: HttpRequest, user: Any, *, leads_to: str) -> HttpResponse:
    """As every way in: by the code of a second factor, where the account has one."""
    record_authentication(request, user, method="provider")
    try:
        response: HttpResponse = perform_login(request, Login(user=user, redirect_url=leads_to))
    except ImmediateHttpResponse as stopped:
        response = stopped.response
    return response


@never_cache
@require_GET
@of_provider
def signed_out(request: HttpRequest, provider: IdentityProvider) -> HttpResponse:
    """After signing out here: the way to sign out at the provider too, where it offers one."""
    context = {"provider": provider, "way_out": end_address(request, provider)}
    return render(request, "identity_providers/signed_out.html", context)


def end_address(request: HttpRequest, provider: IdentityProvider) -> str:
    """Where the provider signs out: RP-Initiated Logout 1.0. By the client, as we keep no token."""
    metadata = known_metadata(provider)
    if metadata is None or not metadata.end_session_endpoint:
        return ""
    back = campus_url(reverse("account_login"), host=asked_host(request))
    query = urlencode({"client_id": provider.client_id, "post_logout_redirect_uri": back})
    address = metadata.end_session_endpoint
    return f"{address}{'&' if '?' in address else '?'}{query}"
