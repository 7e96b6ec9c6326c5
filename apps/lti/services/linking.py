"""Choosing what a link of a platform leads to (LTI Deep Linking 2.0), answered signed.

A platform shows the choice inside of its page, where our sign-in cannot be (decision 74): a window
chooses, and the frame, which waits under a random name (`relay`), takes the answer over.
"""

import secrets
from collections.abc import Collection
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from django.core.cache import cache
from django.utils import translation
from django.utils.translation import gettext as _

from apps.audit.services import Actor, log_event
from apps.common.crypto import SealBroken
from apps.common.languages import spoken
from apps.lti.models import LtiLink, LtiPlatform
from apps.lti.problems import LaunchProblem
from apps.lti.selectors import column_name, maximum_of, signing_key
from apps.lti.services.claims import CLAIM, DEEP_CLAIM, LINK_TYPE, PAGE, VERSION, Launch
from apps.lti.services.launches import LAUNCH_SECONDS, cache_key, launch_end
from apps.lti.services.sending import TAG
from apps.lti.tokens import message

CHECK_IN: Final = "check_in"
ATTENDANCE: Final = "attendance"
PAGES: Final = (CHECK_IN, ATTENDANCE)
CHOICE: Final = "choice"  # of the address that links are chosen at: lti/launch?choice=1
RESPONSE: Final = "LtiDeepLinkingResponse"


def is_choice(target: str) -> bool:
    """Whether a login leads to choosing a link, as far as its target says."""
    try:
        return CHOICE in parse_qs(urlsplit(target).query)
    except ValueError:
        return False


def linking_answer(
    *,
    name: str,
    launch: Launch,
    platform: LtiPlatform,
    link: LtiLink | None,
    pages: Collection[str],
    graded: bool,
    launch_url: str,
    language: str,
    now: datetime,
    actor: Actor,
) -> str:
    """The signed answer that links to these pages; once for each launch. Raises `Refused`.

    `graded`: the last of the links comes with our grade column. Titles are in `language`: the class
    reads them.
    """
    linking = launch.linking
    chosen = [page for page in PAGES if page in pages]
    if linking is None or not chosen or (len(chosen) > 1 and not linking.multiple):
        raise LaunchProblem.MALFORMED.error()
    try:
        signing = signing_key(now=now)
    except SealBroken as broken:
        raise LaunchProblem.SIGNING.error() from broken
    if signing is None:
        raise LaunchProblem.SIGNING.error()
    with translation.override(spoken(language)):
        items = [_item(page, launch_url) for page in chosen]
        if graded and may_grade(launch, link) and link is not None:
            items[-1]["lineItem"] = _column(link)
    claims: dict[str, Any] = {
        "iss": platform.client_id,
        "aud": platform.issuer,
        f"{CLAIM}deployment_id": launch.deployment,
        f"{CLAIM}message_type": RESPONSE,
        f"{CLAIM}version": VERSION,
        f"{DEEP_CLAIM}content_items": items,
    }
    if linking.data is not None:
        claims[f"{DEEP_CLAIM}data"] = linking.data
    key, private = signing
    if not launch_end(name=name):
        raise LaunchProblem.OVER.error()
    data = {"pages": chosen, "context": launch.context_id, "graded": "lineItem" in items[-1]}
    log_event(actor=actor, action="lti.link.chosen", now=now, target=platform, data=data)
    return message(private=private, key_id=key.pk, claims=claims, now=now)


def may_grade(launch: Launch, link: LtiLink | None) -> bool:
    """Whether a link may bring our grade column: where the platform takes one and has none yet."""
    takes = launch.linking is not None and launch.linking.line_items
    return takes and link is not None and not link.line_item_url


def _item(page: str, launch_url: str) -> dict[str, Any]:
    title = _("Check-in") if page == CHECK_IN else _("My attendance")
    return {"type": LINK_TYPE, "title": title, "url": launch_url, "custom": {PAGE: page}}


def _column(link: LtiLink) -> dict[str, Any]:
    """As `sending` makes it, and by the same name, by which that finds it."""
    return {
        "label": _("Attendance"),
        "scoreMaximum": float(maximum_of(link)),
        "resourceId": column_name(link),
        "tag": TAG,
    }


# --- The frame that waits ----------------------------------------------------------------------


def relay_open(*, platform: LtiPlatform) -> str:
    """The name of a frame that waits for the choice of a window."""
    relay = secrets.token_urlsafe(32)
    entry = {"platform": str(platform.pk), "return_url": "", "token": ""}
    cache.set(cache_key("relay", relay), entry, LAUNCH_SECONDS)
    return relay


def relay_fill(*, launch: Launch, token: str) -> bool:
    """Leave the answer to the frame that waits; False where none does."""
    key = cache_key("relay", launch.relay)
    entry = cache.get(key) if launch.relay else None
    if entry is None or launch.linking is None or entry["platform"] != launch.platform_id:
        return False
    answer = {**entry, "return_url": launch.linking.return_url, "token": token}
    cache.set(key, answer, LAUNCH_SECONDS)
    return True


def relay_take(*, relay: str) -> tuple[LtiPlatform, str, str]:
    """Platform, return address and answer, once; address and answer are "" until it was chosen.

    Raises `Refused` (lti_launch_over).
    """
    key = cache_key("relay", relay)
    entry = cache.get(key)
    if entry is None:
        raise LaunchProblem.OVER.error()
    platform = LtiPlatform.objects.filter(pk=entry["platform"], is_active=True).first()
    if platform is None:
        raise LaunchProblem.PLATFORM.error()
    if entry["token"] and not cache.delete(key):
        raise LaunchProblem.OVER.error()
    return platform, entry["return_url"], entry["token"]
