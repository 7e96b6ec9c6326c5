"""Which addresses may be asked how often, in one table for the API, the pages and the libraries.

For what is expensive, makes something secret, or answers without a sign-in. A test walks every
address and wants each of these here, or limited by its own view.
"""

import re
from fnmatch import fnmatchcase
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _

from apps.common.cache import count_up
from apps.common.errors import TooMany
from apps.common.http import address_group, client_address
from apps.common.strict_json import UnreadableJSON, loads

SECONDS: Final = {"sec": 1, "min": 60, "hour": 3600}

# (method, address with * for its places, scope in DEFAULT_THROTTLE_RATES); the first one counts.
LIMITS: Final = (
    ("POST", "api/v1/reports/exports", "export"),
    ("GET", "api/v1/reports/*", "report"),
    ("GET", "api/v1/me/attendance", "report"),
    ("GET", "api/v1/face-verifications/metrics", "report"),
    ("GET", "api/v1/search", "search"),
    ("POST", "api/v1/me/calendar-link", "link"),
    ("POST", "api/v1/me/device*", "device"),
    ("POST", "api/v1/me/push-tokens", "device"),
    ("POST", "api/v1/sessions/start", "start"),
    ("POST", "api/v1/sessions/*/one-time-code", "one_time_code"),
    ("POST", "api/v1/sessions/*/rapid-codes", "one_time_code"),
    ("POST", "api/v1/students/*/face-samples", "face_upload"),
    ("POST", "api/v1/sessions/*/class-photos", "class_photo"),
    ("GET", "api/v1/sessions/*/class-photos/*", "class_photo_look"),
    ("POST", "api/v1/students", "person"),
    ("POST", "api/v1/faculty", "person"),
    ("POST", "api/v1/timetable/generate", "generate"),
    ("POST", "api/v1/imports/*", "import_step"),
    ("PUT", "api/v1/imports/*", "import_step"),
    ("GET", "api/v1/imports/templates/*", "download"),
    ("GET", "api/v1/imports/*/errors.xlsx", "download"),
    ("GET", "api/v1/*/attachment", "download"),
    ("GET", "api/schema/", "schema"),
    ("GET", "api/docs/", "schema"),
    ("GET", "calendar/*", "calendar_feed"),
    ("GET", "c/state", "scan_state"),
    ("GET", "iclock/*", "terminal"),
    ("POST", "iclock/*", "terminal"),
    ("POST", "hikvision/*", "terminal"),
    ("POST", "kiosk/room", "kiosk_opening"),
    ("POST", "kiosk/*", "kiosk"),
    ("POST", "_allauth/app/v1/tokens/refresh", "refresh"),
    ("POST", "_allauth/app/v1/auth/password/reset", "password_reset"),
    ("POST", "accounts/password/reset/key/*", "password_reset"),
    ("GET", "accounts/2fa/webauthn/login/", "passkey"),
    ("POST", "accounts/2fa/webauthn/login/", "passkey"),
    ("GET", "_allauth/app/v1/auth/webauthn/login", "passkey"),
    ("POST", "_allauth/app/v1/auth/webauthn/login", "passkey"),
    ("GET", "accounts/provider/*", "provider"),
    ("POST", "accounts/provider/*", "provider"),
    *((method, "scim/v2/*", "scim") for method in ("GET", "POST", "PUT", "PATCH", "DELETE")),
    ("POST", "ims/oneroster/token", "oneroster_token"),
    ("GET", "ims/oneroster/*", "oneroster"),
    ("POST", "accounts/2fa/webauthn/add/", "device"),
    ("POST", "_allauth/app/v1/account/authenticators/webauthn", "device"),
    *((method, "lti/login", "lti") for method in ("GET", "POST")),
    ("POST", "lti/launch", "lti"),
    ("GET", "lti/jwks", "lti"),
    ("POST", "lti/relay", "lti"),
    *((method, "lti/register/*", "lti_register") for method in ("GET", "POST")),
    *((method, "lti/links/*/roster", "lti_roster") for method in ("GET", "POST")),
    ("GET", "set-up/*", "set_up"),
    ("POST", "set-up/*", "set_up"),
    ("POST", "first-steps/test-mail", "test_mail"),
    ("POST", "reports/export", "export"),
    ("POST", "reports/archive", "export"),
    ("POST", "my-data/export", "own_export"),
    ("GET", "reports/", "report"),
    ("GET", "reports/chart", "report"),
    ("GET", "reports/students/*", "report"),
    ("POST", "week/calendar-link", "link"),
    ("POST", "devices/*", "device"),
    ("POST", "teach/start", "start"),
    ("POST", "teach/sessions/*/code", "one_time_code"),
    ("POST", "teach/sessions/*/photo", "class_photo"),
    ("GET", "teach/sessions/*/photo/*", "class_photo_look"),
    ("POST", "teach/sessions/*/rapid-codes", "one_time_code"),
)

# What opens something by itself, by the field of the sign-in API that brings it.
SECRETS: Final = {"refresh": "refresh_token", "password_reset": "key"}


@lru_cache(maxsize=2048)
def scope_of(method: str, route: str) -> str:
    """The scope that limits this address, as the resolver or the schema writes it; "" for none."""
    method = "GET" if method == "HEAD" else method
    path = re.sub(r"\(\?P<\w+>[^)]*\)|<[^>]*>|\{[^}]*\}", "*", route)
    path = re.sub(r"\^|\$|\\Z", "", path).lstrip("/")
    return next((s for m, pattern, s in LIMITS if m == method and fnmatchcase(path, pattern)), "")


def rate_of(scope: str) -> tuple[int, int]:
    """How many in how many seconds."""
    number, _slash, period = settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"][scope].partition("/")
    return int(number), SECONDS[period]


def is_within(scope: str, who: object) -> bool:
    """Count one request; `who` None is nobody, and not limited."""
    number, seconds = rate_of(scope)
    return who is None or count_up(f"throttle:{scope}:{who}", seconds=seconds) <= number


def who_asks(request: Any) -> object:
    """The person; without a sign-in the address, of IPv6 the /64."""
    return request.user.pk or address_group(client_address(request))


def too_many(scope: str) -> TooMany:
    _number, seconds = rate_of(scope)
    message = (
        _("Too many requests. Try again in an hour.")
        if seconds >= SECONDS["hour"]
        else _("Too many requests. Wait a minute and try again.")
    )
    return TooMany("throttled", message, retry_after=seconds)


def who_of_page(request: HttpRequest, scope: str, arguments: dict[str, Any]) -> object:
    """Like `who_asks`; a link or token that opens something by itself is counted by itself.

    Many phones are behind one address, and one calendar service reads the feeds of many people.
    Pages that ask by themselves are counted by browser: somebody may have several open.
    """
    if scope == "scan_state":
        return request.session.session_key or who_asks(request)
    if scope == "calendar_feed":
        return sha256(str(arguments["token"]).encode()).hexdigest()
    if scope in SECRETS:
        secret = _secret_in(request, SECRETS[scope])
        return sha256(secret.encode()).hexdigest() if secret else who_asks(request)
    return who_asks(request)


def _secret_in(request: HttpRequest, name: str) -> str:
    """The token or key that a call of the sign-in API or a page brings; "" without one.

    Nothing else of the body counts: a field that nobody reads would make every call a new one.
    """
    if not request.path.startswith("/_allauth/"):
        return f"{request.path} {address_group(client_address(request))}"
    try:
        sent = loads(request.body)
    except UnreadableJSON:
        return ""
    secret = sent.get(name) if isinstance(sent, dict) else None
    return secret if isinstance(secret, str) else ""
