"""Platforms that register themselves by a link (LTI Dynamic Registration 1.0).

The link is the permission: whoever opens it needs no session here. What it makes is switched off
until an administrator has seen which platform it was (decision 89).
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet

from apps.audit.services import SYSTEM, Actor, log_event
from apps.common.answers import AddressRefused
from apps.common.errors import Refused
from apps.common.http import Target
from apps.lti.models import ADDRESS_LENGTH, LtiPlatform, LtiRegistration
from apps.lti.problems import LaunchProblem, RegistrationProblem
from apps.lti.services.asking import PlatformProblem, address_problem, ask
from apps.lti.services.claims import DEEP_LINKING, RESOURCE_LINK, text_in
from apps.lti.services.links import platform_add
from apps.lti.services.rosters import SCOPES as ROSTER_SCOPES
from apps.lti.services.sending import SCOPES as SCORE_SCOPES
from apps.lti.tokens import ALGORITHM

GOOD_FOR: Final = timedelta(hours=1)
TOOL: Final = "https://purl.imsglobal.org/spec/lti-tool-configuration"
JSON: Final = "application/json"
LONGEST_TOKEN: Final = 1 << 13  # characters of a platform's permission to register


@dataclass(frozen=True, kw_only=True)
class PlatformConfiguration:
    """What a platform says of itself, as far as it is needed."""

    issuer: str
    auth_login_url: str
    token_url: str
    jwks_url: str
    token_audience: str
    registration_url: str


@dataclass(frozen=True, kw_only=True)
class Tool:
    """What a platform is told of us: name and addresses."""

    name: str
    description: str
    host: str
    login_url: str
    launch_url: str
    choice_url: str
    jwks_url: str
    labels: tuple[str, str]  # of a plain link, of choosing one


@transaction.atomic
def registration_make(registration: LtiRegistration, *, now: datetime, actor: Actor) -> str:
    """Save a new link; returns its secret part, which is kept nowhere."""
    secret = secrets.token_urlsafe(32)
    registration.digest = _digest(secret)
    registration.created_at, registration.expires_at = now, now + GOOD_FOR
    registration.save()
    data = {"name": registration.name}
    log_event(actor=actor, action="lti.registration.made", now=now, target=registration, data=data)
    return secret


@transaction.atomic
def registrations_revoke(
    *, registrations: QuerySet[LtiRegistration], now: datetime, actor: Actor
) -> int:
    """Refuse these from now on; returns how many were open."""
    number = 0
    for one in registrations:
        if _open(now).filter(pk=one.pk).update(revoked_at=now):
            log_event(actor=actor, action="lti.registration.revoked", now=now, target=one)
            number += 1
    return number


def registration_of(secret: str, *, now: datetime) -> LtiRegistration:
    """The link that is open under this secret. Raises `Refused`, which says why it is not."""
    found = LtiRegistration.objects.filter(digest=_digest(secret)).first()
    if found is None:
        raise RegistrationProblem.UNKNOWN.error()
    if found.used_at:
        raise RegistrationProblem.USED.error()
    if found.revoked_at:
        raise RegistrationProblem.REVOKED.error()
    if found.expires_at <= now:
        raise RegistrationProblem.OVER.error()
    return found


def configuration_read(url: str) -> PlatformConfiguration:
    """What the platform says of itself at this address. Raises `Refused`."""
    if not url:
        raise RegistrationProblem.ASKED.error()
    if len(url) > 1 << 12 or address_problem(url):
        raise RegistrationProblem.ADDRESS.error()
    try:
        told = ask("GET", url, headers={"Accept": JSON}).object()
    except PlatformProblem as problem:
        raise RegistrationProblem.AWAY.error() from problem
    issuer = text_in(told, "issuer")
    addresses = {
        "auth_login_url": _address(told, "authorization_endpoint"),
        "token_url": _address(told, "token_endpoint"),
        "jwks_url": _address(told, "jwks_uri"),
        "registration_url": _address(told, "registration_endpoint"),
    }
    if not all((issuer, *addresses.values())) or address_problem(issuer):
        raise RegistrationProblem.CONFIGURATION.error()
    if _place(issuer) != _place(url):
        raise RegistrationProblem.ISSUER.error()
    if not _fits(told):
        raise RegistrationProblem.UNFIT.error()
    audience = text_in(told, "authorization_server")
    return PlatformConfiguration(issuer=issuer, token_audience=audience, **addresses)


@transaction.atomic
def platform_register(
    *,
    secret: str,
    configuration: PlatformConfiguration,
    token: str,
    tool: Tool,
    now: datetime,
) -> LtiPlatform:
    """Register us there and the platform here, by a link that is then used.

    Raises `Refused`; then nothing is saved, and the link is as good as before.
    """
    registration = registration_of(secret, now=now)
    if not _open(now).filter(pk=registration.pk).update(used_at=now):  # of two at once one
        raise RegistrationProblem.USED.error()
    client_id, deployment = _asked(configuration, token, tool)
    known = LtiPlatform.objects.filter(issuer=configuration.issuer, client_id=client_id)
    if known.exists():
        raise RegistrationProblem.KNOWN.error()
    platform = LtiPlatform(
        name=registration.name,
        issuer=configuration.issuer,
        client_id=client_id,
        deployment_ids=[deployment] if deployment else [],
        auth_login_url=configuration.auth_login_url,
        token_url=configuration.token_url,
        jwks_url=configuration.jwks_url,
        token_audience=configuration.token_audience,
        is_active=False,
    )
    platform_add(platform, now=now, actor=SYSTEM)
    data = {"issuer": platform.issuer, "client_id": client_id, "link": str(registration.pk)}
    log_event(actor=SYSTEM, action="lti.platform.registered", now=now, target=platform, data=data)
    return platform


def _asked(configuration: PlatformConfiguration, token: str, tool: Tool) -> tuple[str, str]:
    """The client id that the platform gives us, and the deployment id or ""."""
    if len(token) > LONGEST_TOKEN or not (token.isascii() and token.isprintable()):
        raise LaunchProblem.MALFORMED.error()
    try:
        answer = ask(
            "POST",
            configuration.registration_url,
            token=token,
            content=_told(tool),
            content_type=JSON,
            headers={"Accept": JSON},
        ).object()
    except PlatformProblem as problem:
        raise _refusal(problem) from problem
    client_id = text_in(answer, "client_id")
    if not client_id.strip():
        raise RegistrationProblem.ANSWER.error()
    there = answer.get(TOOL)
    return client_id, text_in(there, "deployment_id") if isinstance(there, dict) else ""


def _refusal(problem: PlatformProblem) -> Refused:
    is_away = problem.status is None or problem.status >= 500
    return (RegistrationProblem.AWAY if is_away else RegistrationProblem.REFUSED).error()


def _told(tool: Tool) -> dict[str, Any]:
    """Ourselves, as §3.5 of the specification wants it. E-mail addresses serve the comparison of
    rosters alone."""
    link, choice = tool.labels
    return {
        "application_type": "web",
        "response_types": ["id_token"],
        "grant_types": ["implicit", "client_credentials"],
        "client_name": tool.name,
        "initiate_login_uri": tool.login_url,
        "redirect_uris": [tool.launch_url],
        "jwks_uri": tool.jwks_url,
        "token_endpoint_auth_method": "private_key_jwt",
        "scope": " ".join((*SCORE_SCOPES, *ROSTER_SCOPES)),
        TOOL: {
            "domain": tool.host,
            "description": tool.description,
            "target_link_uri": tool.launch_url,
            "claims": ["iss", "sub", "name", "email"],
            "messages": [
                {"type": RESOURCE_LINK, "target_link_uri": tool.launch_url, "label": link},
                {"type": DEEP_LINKING, "target_link_uri": tool.choice_url, "label": choice},
            ],
        },
    }


def _fits(told: Mapping[str, Any]) -> bool:
    """Whether both sides can sign for each other; what a platform leaves open is believed."""
    signs = told.get("id_token_signing_alg_values_supported", [ALGORITHM])
    proves = told.get("token_endpoint_auth_methods_supported", ["private_key_jwt"])
    return (
        isinstance(signs, list)
        and ALGORITHM in signs
        and isinstance(proves, list)
        and "private_key_jwt" in proves
    )


def _address(told: Mapping[str, Any], name: str) -> str:
    found = told.get(name)
    fits = isinstance(found, str) and len(found) <= ADDRESS_LENGTH and not address_problem(found)
    return str(found) if fits else ""


def _place(url: str) -> str:
    try:
        return Target.of(url).place
    except AddressRefused:
        return ""


def _open(now: datetime) -> QuerySet[LtiRegistration]:
    return LtiRegistration.objects.filter(used_at=None, revoked_at=None, expires_at__gt=now)


def _digest(secret: str) -> bytes:
    return sha256(secret.encode(errors="replace")).digest()
