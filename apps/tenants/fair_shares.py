"""One campus's storm and the others: who takes most of a busy process comes back a moment later.

Granian hands requests to a process in the order in which they came, whosever they are, so that the
few requests of one campus would stand behind the thousands of another. A request is refused here
(503 `busy`, with `Retry-After`) before anything is read for it, where all of this holds:

- the process is asked for much: more than `FAIR_BUSY` requests would be in work at once, had all
  been let in lately;
- its campus has had more than `FAIR_SHARE` of the work, and has asked for more than that share;
- another campus has asked this process for something within `REMEMBERED_SECONDS`;
- more than `FAIR_HELD` requests were in work at once lately.

"Lately" is a moving average over about a second, of the time that requests are in work: one that
takes long weighs more than a quick one, and weighs before it ends. A campus alone is never refused
anything. What is about a code that runs out is refused at twice `FAIR_HELD` only. Each process
keeps its own account; docs/decisions/0092 says what was measured and turned down.
"""

import logging
import math
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.db import Error
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from apps.common.error_views import refused
from apps.common.errors import Refused
from apps.common.http import wants_json
from apps.common.languages import spoken
from apps.common.log_context import log_also
from apps.common.measures import count
from apps.tenants.addresses import asked_host
from apps.tenants.middleware import PLATFORM_PATHS
from apps.tenants.selectors import HOST_CACHE_SECONDS, campus_by_host

logger = logging.getLogger(__name__)

AVERAGED_SECONDS: Final = 1.0
REMEMBERED_SECONDS: Final = 3.0
LOGGED_EVERY_SECONDS: Final = 60.0
WAITS_SECONDS: Final = (1, 2)  # Retry-After, drawn each time: they must not come back at once
HOSTS_KEPT: Final = 1_000
# A code is good for some seconds, its ticket and its stamp for a minute or three.
HURRIED: Final = ("/api/v1/check-in", "/c/")
HURRIED_HELD: Final = 2.0  # × FAIR_HELD
# What depends on the settings alone and an answer needs, whoever makes it before the others.
HEADERS: Final = (
    "apps.common.middleware.AnswerHeadersMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.security.SecurityMiddleware",
)


@dataclass
class Work:
    """One campus's requests in one process. `load`: how many were in work at once lately."""

    at: float  # until when all of it is reckoned; seconds of a clock that never goes back
    load: float = 0.0
    running: int = 0
    last: float = -math.inf  # when it last asked
    asked: float = 0.0  # how often, lately
    let_in: float = 0.0  # how often of these

    def reckon(self, now: float) -> None:
        """As Unix reckons its load average."""
        kept = math.exp((self.at - now) / AVERAGED_SECONDS)
        self.load = self.running + (self.load - self.running) * kept
        self.asked *= kept
        self.let_in *= kept
        self.at = now

    @property
    def wanted(self) -> float:
        """What `load` would be, had everything been let in."""
        return self.load * self.asked / self.let_in if self.let_in else self.load

    def is_remembered(self, now: float) -> bool:
        return self.running > 0 or now - self.last < REMEMBERED_SECONDS


class WorkAccount:
    """Who has had how much of this process. Threads share it; `now` is their common clock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._work: dict[int, Work] = {}
        self._logged = -math.inf

    def begin(self, campus_id: int, *, now: float, busy: float, share: float, held: float) -> bool:
        """Whether this campus's request may begin; it is in work then until `end`.

        `busy`, `held`: requests in work at once, `busy` 0 for no limit; `share`: 0 to 1.
        """
        with self._lock:
            own, others = self._reckoned(campus_id, now)
            load = own.load + sum(work.load for work in others)
            wanted = own.wanted + sum(work.wanted for work in others)
            is_most = own.load > share * load and own.wanted > share * wanted
            own.last = now
            own.asked += 1
            if others and 0 < busy < wanted and is_most and load > held:
                return False
            own.running += 1
            own.let_in += 1
            return True

    def end(self, campus_id: int, *, now: float) -> None:
        with self._lock:
            work = self._work[campus_id]
            work.reckon(now)
            work.running -= 1

    def is_to_be_logged(self, *, now: float) -> bool:
        """Once a minute."""
        with self._lock:
            if now - self._logged < LOGGED_EVERY_SECONDS:
                return False
            self._logged = now
            return True

    def _reckoned(self, campus_id: int, now: float) -> tuple[Work, list[Work]]:
        self._work = {
            key: work
            for key, work in self._work.items()
            if key == campus_id or work.is_remembered(now)
        }
        own = self._work.setdefault(campus_id, Work(at=now))
        for work in self._work.values():
            work.reckon(now)
        return own, [work for key, work in self._work.items() if key != campus_id]


class FairShares:
    """Middleware behind the request's id, before everything that costs; see above.

    Static files, `/healthz`, `/readyz` and `/metrics` are neither counted nor refused, and neither
    are hosts of no campus: whose request it is, only its token or session says there.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.account = WorkAccount()
        self.campuses: dict[str, tuple[int | None, float]] = {}  # by host, until when it holds
        self.refuse: Callable[[HttpRequest], HttpResponse] = come_back
        for path in reversed(HEADERS):
            self.refuse = import_string(path)(self.refuse)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        campus_id = self._campus_of(request) if settings.FAIR_BUSY else None
        if campus_id is None:
            return self.get_response(request)
        held = settings.FAIR_HELD * (HURRIED_HELD if _is_hurried(request) else 1.0)
        now = time.monotonic()
        rule = {"busy": settings.FAIR_BUSY, "share": settings.FAIR_SHARE, "held": held}
        if not self.account.begin(campus_id, now=now, **rule):
            return self._refused(request, campus_id, now)
        try:
            return self.get_response(request)
        finally:
            self.account.end(campus_id, now=time.monotonic())

    def _campus_of(self, request: HttpRequest) -> int | None:
        """Whose domain it was sent to, looked up once a minute."""
        if request.path_info.startswith(settings.STATIC_URL) or request.path_info in PLATFORM_PATHS:
            return None
        try:
            host, now = asked_host(request).lower(), time.monotonic()
            known = self.campuses.get(host)
            if known is None or known[1] < now:
                known = campus_by_host(host=host), now + HOST_CACHE_SECONDS
                if len(self.campuses) < HOSTS_KEPT or host in self.campuses:
                    self.campuses[host] = known
        except (DisallowedHost, Error):  # to be answered by whom it concerns
            return None
        return known[0]

    def _refused(self, request: HttpRequest, campus_id: int, now: float) -> HttpResponse:
        count("campus_requests_shed")
        log_also(campus_id=campus_id)
        if self.account.is_to_be_logged(now=now):
            logger.warning("Campus %s asks for more than its share of a busy process.", campus_id)
        return self.refuse(request)


def _is_hurried(request: HttpRequest) -> bool:
    return request.path_info.lower().startswith(HURRIED)


def come_back(request: HttpRequest) -> HttpResponse:
    """503 `busy`. A page that was only asked for asks again by itself."""
    language = translation.get_language_from_request(request)
    wait = str(random.randint(*WAITS_SECONDS))  # noqa: S311  (no secret)
    with translation.override(spoken(language)):
        if wants_json(request):
            response = refused(request, _refusal())
        else:
            response = HttpResponse(_page(spoken(language)), status=_refusal().status)
            if request.method == "GET":
                response["Refresh"] = wait
    response["Retry-After"] = wait
    response["Content-Language"] = spoken(language)
    response["Vary"] = "Accept-Language, Cookie"
    response["Content-Length"] = str(len(response.content))
    response._has_been_logged = True  # type: ignore[attr-defined]  # by Django, as an error each
    return response


def _refusal() -> Refused:
    message = _("Very much is asked for at the moment. Nothing was saved; try again shortly.")
    return Refused("busy", message, status=503)


@lru_cache
def _page(_language: str) -> str:
    """In the language that is active; the request's id is in the answer's header."""
    return render_to_string("refused.html", {"refusal": _refusal()})
