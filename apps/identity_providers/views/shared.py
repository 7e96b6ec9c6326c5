"""What both protocols have in common: whose page it is, who comes in, what is said otherwise."""

import logging
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any
from uuid import UUID

from allauth.account.internal.flows.login import perform_login, record_authentication
from allauth.account.models import Login
from allauth.core.exceptions import ImmediateHttpResponse
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from apps.audit.actors import request_actor
from apps.common.errors import Refused
from apps.identity_providers.claims import identity_of
from apps.identity_providers.models import IdentityProvider
from apps.identity_providers.problems import SignInProblem, SignInRefusal
from apps.identity_providers.selectors import provider_by_id
from apps.identity_providers.services import person_admit, provider_name_keep
from apps.signin.bound import Vouched, vouch
from apps.tenants.middleware import refuse, request_campus
from apps.tenants.scope import entered_campus_id

logger = logging.getLogger(__name__)
View = Callable[..., HttpResponse]
ProviderView = Callable[[HttpRequest, IdentityProvider], HttpResponse]


def of_campus(view: View) -> View:
    """A page of the entered campus; refusals are pages as well."""

    @wraps(view)
    def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if entered_campus_id() is None:  # these addresses are answered outside campuses too
            return refuse(request, Refused("unknown_campus", "No campus.", status=404))
        try:
            return view(request, *args, **kwargs)
        except Refused as refusal:  # an unknown provider, a campus without a domain
            return refuse(request, refusal)

    return page


def of_provider(view: ProviderView) -> View:
    """A page of one active provider of the entered campus; what goes wrong is a page as well."""

    @of_campus
    @wraps(view)
    def page(request: HttpRequest, provider_id: UUID) -> HttpResponse:
        provider = provider_by_id(provider_id=provider_id)
        try:
            return view(request, provider)
        except SignInProblem as problem:
            return failed(request, provider, problem)

    return page


def failed(
    request: HttpRequest, provider: IdentityProvider, problem: SignInProblem
) -> HttpResponse:
    logger.warning("Sign-in at provider %s failed: %s", provider.pk, problem)
    return problem_page(request, provider, problem.problem)


def problem_page(
    request: HttpRequest, provider: IdentityProvider, problem: SignInRefusal
) -> HttpResponse:
    context = {"provider": provider, "text": problem.label % {"provider": provider.name}}
    page = "identity_providers/problem.html"
    response: HttpResponse = render(request, page, context, status=problem.status)
    return response


def admit(
    request: HttpRequest,
    provider: IdentityProvider,
    claims: Mapping[str, Any],
    *,
    leads_to: str,
    session: Mapping[str, str] | None = None,
) -> HttpResponse:
    """Let in whom these claims are about, or say why not.

    `session`: by which name the provider signs out what it opens now.
    """
    identity = identity_of(provider, claims, domains=request_campus(request).email_domains)
    admission = person_admit(
        provider=provider, identity=identity, now=timezone.now(), actor=request_actor(request)
    )
    if admission.user is None:
        return problem_page(request, provider, admission.problem or SignInRefusal.UNKNOWN)
    multi_factor = provider.accepts_multi_factor and identity.multi_factor
    if session is not None:
        provider_name_keep(
            provider=provider, user=admission.user, name=session["value"], now=timezone.now()
        )
    vouch(request, Vouched(provider=str(provider.pk), multi_factor=multi_factor, name=session))
    return _enter(request, admission.user, leads_to=leads_to)


def _enter(request: HttpRequest, user: Any, *, leads_to: str) -> HttpResponse:
    """As every way in: by the code of a second factor, where the account has one."""
    record_authentication(request, user, method="provider")
    try:
        response: HttpResponse = perform_login(request, Login(user=user, redirect_url=leads_to))
    except ImmediateHttpResponse as stopped:
        response = stopped.response
    return response
