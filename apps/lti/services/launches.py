"""A launch: begun by the platform (OpenID Connect), checked, and kept until its person went on.

LTI Core 1.3, IMS Security Framework 1.0 §5.1. State, nonce and checked launches are short-lived and
lie in the cache: where its server was lost, the link is opened again.
"""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from hashlib import sha256
from typing import Any, Final
from urllib.parse import urlencode

from django.core.cache import cache

from apps.audit.services import SYSTEM
from apps.common.id_tokens import IdTokenRefused, verified_claims
from apps.common.measures import count
from apps.lti.models import NAME_LENGTH, LtiPlatform
from apps.lti.problems import OF_TOKEN, LaunchProblem
from apps.lti.selectors import course_named, link_of, platform_asked
from apps.lti.services.asking import PlatformProblem, keys_of
from apps.lti.services.claims import CLAIM, Launch, Linking, launch_from, text_in
from apps.lti.services.links import link_make, link_refresh
from apps.lti.tokens import ALGORITHM
from apps.tenants.scope import current_campus_id

STATE_SECONDS: Final = 600
LAUNCH_SECONDS: Final = 1800  # in which the person signs in here
LONGEST: Final = 4096  # characters of what the platform gives to itself


def new_browser() -> str:
    """What a browser is given, to bring it back with the launch."""
    return secrets.token_urlsafe(32)


def login_platform(asked: Mapping[str, str]) -> LtiPlatform:
    """The platform that begins a login. Raises `Refused`."""
    if len(asked.get("login_hint", "")) > LONGEST or not asked.get("login_hint"):
        raise LaunchProblem.MALFORMED.error()
    issuer, client_id = asked.get("iss", ""), asked.get("client_id", "")
    named = len(issuer) <= NAME_LENGTH and len(client_id) <= NAME_LENGTH
    platform = platform_asked(issuer=issuer, client_id=client_id) if named else None
    if platform is None:
        raise LaunchProblem.PLATFORM.error()
    deployment = asked.get("lti_deployment_id", "")
    if deployment and deployment not in platform.deployment_ids:
        raise LaunchProblem.DEPLOYMENT.error()
    return platform


def login_begin(
    *, platform: LtiPlatform, asked: Mapping[str, str], launch_url: str, browser: str
) -> str:
    """The address at the platform to which the browser is sent, with a new state and nonce."""
    state, nonce = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    entry = {"platform": str(platform.pk), "nonce": nonce, "browser": _digest(browser)}
    relay = asked.get("relay", "")
    if 0 < len(relay) <= LONGEST:
        entry["relay"] = relay
    cache.set(cache_key("state", state), entry, STATE_SECONDS)
    query = {
        "scope": "openid",
        "response_type": "id_token",
        "response_mode": "form_post",
        "prompt": "none",
        "client_id": platform.client_id,
        "redirect_uri": launch_url,
        "login_hint": asked["login_hint"],
        "state": state,
        "nonce": nonce,
    }
    hint = asked.get("lti_message_hint", "")
    if hint and len(hint) <= LONGEST:
        query["lti_message_hint"] = hint
    joint = "&" if "?" in platform.auth_login_url else "?"
    return f"{platform.auth_login_url}{joint}{urlencode(query)}"


def launch_take(*, posted: Mapping[str, str], browser: str, now: datetime) -> str:
    """Check what the platform sent through the browser; returns the name under which it is kept.

    State and nonce are good once, whatever comes of it. Raises `Refused`.
    """
    try:
        entry = _state_taken(posted.get("state", ""), browser)
        if posted.get("error"):
            raise LaunchProblem.DENIED.error()
        platform = LtiPlatform.objects.filter(pk=entry["platform"], is_active=True).first()
        if platform is None:
            raise LaunchProblem.PLATFORM.error()
        claims = _claims(platform, posted.get("id_token", ""), entry["nonce"], now)
        launch = launch_from(platform, claims, relay=entry.get("relay", ""))
    except Exception:
        count("campus_lti_launches", "refused")
        raise
    count("campus_lti_launches", "taken")
    _keep_link(launch, now)
    name = secrets.token_urlsafe(24)
    kept = {"launch": asdict(launch), "browser": _digest(browser)}
    cache.set(cache_key("launch", name), kept, LAUNCH_SECONDS)
    return name


def _keep_link(launch: Launch, now: datetime) -> None:
    """New addresses for the link; a first one where the platform names the code of our course."""
    addresses = {
        "line_items_url": launch.line_items_url,
        "memberships_url": launch.memberships_url,
    }
    place = {"platform_id": launch.platform_id, "context_id": launch.context_id}
    if link_of(**place) is not None:
        link_refresh(**place, **addresses, now=now)
        return
    course = course_named(launch.section_code)
    if course is not None and launch.context_id:
        link_make(
            **place,
            context_title=launch.context_title,
            addresses=addresses,
            course=course,
            now=now,
            actor=SYSTEM,
        )


def launch_of(*, name: str, browser: str) -> Launch:
    """The launch that this browser brought; raises `Refused` (lti_launch_over)."""
    kept = cache.get(cache_key("launch", name))
    if kept is None or not hmac.compare_digest(kept["browser"], _digest(browser)):
        raise LaunchProblem.OVER.error()
    found = kept["launch"]
    linking = found.get("linking")
    return Launch(**{**found, "linking": Linking(**linking) if linking else None})


def launch_end(*, name: str) -> bool:
    """Forget it; only one of two at once is told that it was the one."""
    return bool(cache.delete(cache_key("launch", name)))


def _state_taken(state: str, browser: str) -> dict[str, str]:
    key = cache_key("state", state)
    entry: dict[str, str] | None = cache.get(key)
    if entry is None or not cache.delete(key):  # only one of two at once deletes it
        raise LaunchProblem.STATE.error()
    if not browser or not hmac.compare_digest(entry["browser"], _digest(browser)):
        raise LaunchProblem.STATE.error()
    return entry


def _claims(platform: LtiPlatform, token: str, nonce: str, now: datetime) -> dict[str, Any]:
    try:
        claims = verified_claims(
            token,
            keys=lambda anew: keys_of(platform, anew=anew),
            issuer=platform.issuer,
            client_id=platform.client_id,
            nonce=nonce,
            now=now,
            algorithms=(ALGORITHM,),
        )
    except PlatformProblem as problem:
        raise LaunchProblem.KEYSET.error() from problem
    except IdTokenRefused as refused:
        raise OF_TOKEN.get(refused.flaw, LaunchProblem.MALFORMED).error() from refused
    if text_in(claims, f"{CLAIM}deployment_id") not in platform.deployment_ids:
        raise LaunchProblem.DEPLOYMENT.error()
    return claims


def _digest(browser: str) -> str:
    return sha256(browser.encode()).hexdigest()


def cache_key(kind: str, name: str) -> str:
    digest = sha256(name.encode(errors="replace")).hexdigest()
    return f"lti:{current_campus_id()}:{kind}:{digest}"
