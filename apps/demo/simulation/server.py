"""The server as a phone or a browser sees it: addresses, answers, and how long they took."""

import random
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Final

from apps.common.http import HttpClient, Limits, SessionError

# A slow answer is a finding of the class, not the end of it.
LIMITS: Final = Limits(connect=60.0, whole=60.0, body=1 << 26)
LOGIN: Final = "/_allauth/app/v1/auth/login"
API: Final = "/api/v1"
BUSY: Final = "503 busy"
BUSY_SECONDS: Final = 60.0  # a ticket is good for 90


class SimulationError(RuntimeError):
    """The class cannot be played; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Status, JSON and version of one response."""

    status: int
    body: Any
    etag: str = ""

    @property
    def ok(self) -> bool:
        return self.status < 400

    @property
    def problem(self) -> str:
        """ "<status> <code>" of a refusal, "" of a success."""
        if self.ok:
            return ""
        errors = self.body.get("errors") if isinstance(self.body, dict) else None
        code = errors[0].get("code", "") if errors else ""
        return f"{self.status} {code}".strip()


@dataclass
class Timings:
    """Milliseconds by kind of request, collected from every thread."""

    by_kind: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, kind: str, milliseconds: float) -> None:
        with self._lock:
            self.by_kind[kind].append(milliseconds)


def check_answers(url: str) -> None:
    """Raises `SimulationError` where no server is."""
    try:
        HttpClient(trusted=True, limits=LIMITS).session().get(f"{url.rstrip('/')}/healthz")
    except SessionError as error:
        message = f"No server answers at {url}: start it with `manage.py up`."
        raise SimulationError(message) from error


class Client:
    """One person's connection. Not shared between threads."""

    def __init__(self, url: str, *, campus: str, timings: Timings) -> None:
        self._url = url.rstrip("/")
        self._timings = timings
        self._http = HttpClient(trusted=True, limits=LIMITS).session()
        self._http.headers["X-Campus"] = campus  # for hosts that belong to no campus

    def sign_in(self, *, email: str, password: str) -> None:
        """Get a token as the app does. Raises `SimulationError` when that is refused."""
        answer = self._send("POST", LOGIN, json={"email": email, "password": password})
        if not answer.ok:
            message = f"{email} cannot sign in at {self._url}: {answer.problem}"
            raise SimulationError(message)
        token = answer.body["meta"]["access_token"]
        self._http.headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str, **options: Any) -> Answer:
        return self._send("GET", f"{API}/{path}", **options)

    def post(self, path: str, *, timed: str = "", **options: Any) -> Answer:
        """`timed` names the kind of request whose duration is kept."""
        started = time.perf_counter()
        answer = self._send("POST", f"{API}/{path}", **options)
        if timed:
            self._timings.add(timed, 1000 * (time.perf_counter() - started))
        return answer

    def need(self, answer: Answer, what: str) -> Any:
        """The body of an answer that must be a success; raises `SimulationError`."""
        if not answer.ok:
            message = f"{what}: the server answered {answer.problem}"
            raise SimulationError(message)
        return answer.body

    def _send(self, method: str, path: str, **options: Any) -> Answer:
        """Asked again where the server serves another campus first, as apps do."""
        until = time.monotonic() + BUSY_SECONDS
        while True:
            answer, wait = self._send_once(method, path, options)
            if answer.problem != BUSY or time.monotonic() > until:
                return answer
            time.sleep(wait * random.uniform(1, 2))  # noqa: S311  (no secret)

    def _send_once(self, method: str, path: str, options: dict[str, Any]) -> tuple[Answer, float]:
        """The answer, and in how many seconds to come back, if it says so."""
        try:
            response = self._http.request(method, f"{self._url}{path}", **options)
        except SessionError as error:
            message = f"No server answers at {self._url} ({error}): start it with `manage.py up`."
            raise SimulationError(message) from error
        is_json = "json" in response.headers.get("Content-Type", "")
        answer = Answer(
            status=response.status_code,
            body=response.json() if is_json else None,
            etag=response.headers.get("ETag", ""),
        )
        return answer, float(response.headers.get("Retry-After", 1))
