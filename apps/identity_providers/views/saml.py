"""Signing in at a SAML provider of the campus: what we publish, and what its page posts here.

One address for all of the campus's providers, as federations register a campus once.
"""

from typing import Final

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from apps.audit.actors import request_actor
from apps.common.errors import NotFound, Refused
from apps.identity_providers.models import IdentityProvider, SamlKey
from apps.identity_providers.problems import SignInProblem, SignInRefusal
from apps.identity_providers.saml.sign_in import begin, held, leads_to, receive
from apps.identity_providers.saml.sign_out import (
    offers_sign_out,
    sign_out_answer,
    sign_out_asked,
    sign_out_there,
)
from apps.identity_providers.selectors import saml_provider_of
from apps.identity_providers.services import provider_read_anew, provider_sessions_end
from apps.identity_providers.views.shared import admit, failed, of_campus, of_provider
from apps.saml.documents import NAMES, text_of
from apps.saml.logout import request_in
from apps.saml.messages import AnswerRefused, decoded, issuer_of, opened
from apps.saml.own_metadata import Own, own_metadata
from apps.signin.bound import name_held
from apps.tenants.addresses import asked_host, campus_hosts, campus_url
from apps.tenants.middleware import request_campus

METADATA: Final = "application/samlmetadata+xml"


def answer_address(request: HttpRequest) -> str:
    """At the campus's own domain, whatever the request calls its host."""
    return campus_url(reverse("saml_answer"), host=asked_host(request))


def address_to(request: HttpRequest, provider: IdentityProvider, *, leads_to: str) -> str:
    """Where the provider signs in. Raises `SignInProblem`."""
    return begin(
        provider,
        request.session,
        receives=answer_address(request),
        leads_to=leads_to,
        now=timezone.now(),
    )


@require_GET
@of_campus
def metadata(request: HttpRequest) -> HttpResponse:
    """The campus to federations and providers."""
    return _metadata(request, campus_url(reverse("saml_metadata")))


@require_GET
@of_provider
def provider_metadata(request: HttpRequest, provider: IdentityProvider) -> HttpResponse:
    """The campus to one provider, under the name by which that one knows it."""
    if not provider.is_saml:
        raise _no_saml()
    return _metadata(request, provider.client_id)


def _no_saml() -> NotFound:
    return NotFound("no_saml", _("This campus has no provider that speaks SAML."))


def _metadata(request: HttpRequest, entity_id: str) -> HttpResponse:
    certificates = list(SamlKey.shown(now=timezone.now()).values_list("certificate", flat=True))
    if not certificates:
        raise _no_saml()
    own = Own(
        entity_id=entity_id,
        name=request_campus(request).name,
        receives=[campus_url(reverse("saml_answer"), host=host) for host in campus_hosts()],
        signs_out=[campus_url(reverse("saml_sign_out"), host=host) for host in campus_hosts()],
        certificates=certificates,
    )
    return HttpResponse(own_metadata(own), content_type=METADATA)


@csrf_exempt  # the provider's page posts it, and no cookie of ours comes with it
@never_cache
@require_POST
@of_campus
def answer(request: HttpRequest) -> HttpResponse:
    """What a provider says, by a form of its own page. Believed, it leads the browser on."""
    try:
        raw = decoded(str(request.POST.get("SAMLResponse", "")))
        issuer = issuer_of(opened(raw))
    except AnswerRefused as error:
        message = _("This is no answer of an identity provider.")
        raise Refused("no_answer", message, status=400) from error
    provider = saml_provider_of(issuer=issuer)
    try:
        name = _received(request, provider, raw)
    except SignInProblem as problem:
        return failed(request, provider, problem)
    where = f"{reverse('saml_finish', args=[provider.pk])}?{urlencode({'answer': name})}"
    return HttpResponseRedirect(where)


def _received(request: HttpRequest, provider: IdentityProvider, raw: bytes) -> str:
    """The name under which it is held. One that is not believed may be signed by a new key."""
    try:
        return receive(provider, raw, receives=answer_address(request), now=timezone.now())
    except AnswerRefused as error:
        if error.declined:
            raise SignInProblem(SignInRefusal.CANCELLED, str(error)) from error
        is_read = provider_read_anew(provider=provider)
        problem = SignInRefusal.KEYS_READ if is_read else SignInRefusal.UNTRUSTED
        raise SignInProblem(problem, str(error)) from error


@never_cache
@require_GET
@of_provider
def finish(request: HttpRequest, provider: IdentityProvider) -> HttpResponse:
    """Where the browser comes with its own cookies, and is let in if it was this one that asked."""
    now = timezone.now()
    found = held(str(request.GET.get("answer", "")))
    if found.provider != str(provider.pk):
        raise SignInProblem(SignInRefusal.STALE, "an answer of another provider")
    wanted = leads_to(provider, found, request.session, now=now)
    return admit(request, provider, found.claims, leads_to=wanted, session=found.session)


# --- Signing out -------------------------------------------------------------------------------


def sign_out_address(request: HttpRequest) -> str:
    return campus_url(reverse("saml_sign_out"), host=asked_host(request))


def end_address(request: HttpRequest, provider: IdentityProvider) -> str:
    """The way to sign out at the provider too, for who has just signed out here."""
    ticket = str(request.GET.get("name", ""))
    known = name_held(ticket, provider=str(provider.pk))
    if known is None or not offers_sign_out(provider, now=timezone.now()):
        return ""
    there = reverse("saml_sign_out_there", args=[provider.pk])
    return f"{there}?{urlencode({'name': ticket})}"


@never_cache
@require_GET
@of_provider
def there(request: HttpRequest, provider: IdentityProvider) -> HttpResponse:
    """To the provider, with a request that is made now: it is good for minutes."""
    name = name_held(str(request.GET.get("name", "")), provider=str(provider.pk))
    if name is None:
        return HttpResponseRedirect(reverse("account_login"))
    return HttpResponseRedirect(sign_out_there(provider, name, now=timezone.now()))


@never_cache
@require_GET
@of_campus
def sign_out(request: HttpRequest) -> HttpResponse:
    """A provider asks to end somebody's sessions, or says that it has done so there."""
    if "SAMLResponse" in request.GET:
        return HttpResponseRedirect(reverse("account_login"))
    query = request.META["QUERY_STRING"]
    try:
        issuer = text_of(request_in(query).find("saml:Issuer", NAMES))
    except AnswerRefused as error:
        message = _("This is no request of an identity provider.")
        raise Refused("no_request", message, status=400) from error
    provider = saml_provider_of(issuer=issuer)
    now = timezone.now()
    try:
        asked = sign_out_asked(provider, query, address=sign_out_address(request), now=now)
        provider_sessions_end(
            provider=provider, name=asked.name, now=now, actor=request_actor(request)
        )
        where = sign_out_answer(provider, asked, now=now)
    except SignInProblem as problem:
        return failed(request, provider, problem)
    return HttpResponseRedirect(where or reverse("account_login"))
