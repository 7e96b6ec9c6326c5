"""Load on a running installation: `python -m bench.load_site URL [--seconds 30] [--users 8]`.

Asks for the pages and operations that everybody meets, over kept connections, and says how many
were answered, how fast, and with which statuses. With --email it signs in and reads
its own pages too. Exit status 1 on any server error other than an announced 503.
"""

import argparse
import os
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

import requests

OPEN = ("/healthz", "/accounts/login/", "/sw.js", "/manifest.webmanifest")
OWN = ("/api/v1/me", "/api/version")


@dataclass
class Result:
    """Statuses of all answers (0: none), latencies in seconds."""

    statuses: Counter[int] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    announced: int = 0  # 503 with Retry-After

    @property
    def errors(self) -> int:
        failed = sum(number for status, number in self.statuses.items() if status >= 500)
        return failed - self.announced + self.statuses[0]

    def percentile(self, share: float) -> float:
        """In milliseconds."""
        ordered = sorted(self.latencies) or [0.0]
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def load(
    url: str,
    *,
    users: int,
    seconds: float,
    most: int = 0,
    headers: dict[str, str] | None = None,
    stop: threading.Event | None = None,
    pages: tuple[str, ...] = OPEN,
) -> Result:
    """`users` at once for so long, until `most` requests were sent, or until `stop` is set."""
    result, lock, stop = Result(), threading.Lock(), stop or threading.Event()
    until = time.monotonic() + seconds
    paths = pages + (OWN if headers and "Authorization" in headers else ())

    def user(number: int) -> None:
        session = requests.Session()
        session.headers.update(headers or {})
        turn = number
        while time.monotonic() < until and not stop.is_set():
            if most and len(result.latencies) >= most:
                return
            _ask(session, url + paths[turn % len(paths)], result, lock)
            turn += 1

    threads = [threading.Thread(target=user, args=(number,)) for number in range(users)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return result


def _ask(session: requests.Session, address: str, result: Result, lock: threading.Lock) -> None:
    started = time.perf_counter()
    try:
        answer = session.get(address, timeout=30, allow_redirects=False)
        status, announced = answer.status_code, "Retry-After" in answer.headers
    except requests.RequestException:
        status, announced = 0, False
    with lock:
        result.latencies.append(time.perf_counter() - started)
        result.statuses[status] += 1
        result.announced += status == 503 and announced


def sign_in(url: str, email: str, password: str, headers: dict[str, str]) -> dict[str, str]:
    body = {"email": email, "password": password}
    address = f"{url}/_allauth/app/v1/auth/login"
    answer = requests.post(address, json=body, headers=headers, timeout=30)
    answer.raise_for_status()
    return {**headers, "Authorization": f"Bearer {answer.json()['meta']['access_token']}"}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--host", default="", help="the campus's host name, if the URL has another")
    parser.add_argument("--users", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--email", default="", help="the password is read from LOAD_PASSWORD")
    given = parser.parse_args(arguments)
    url, headers = given.url.rstrip("/"), {"Host": given.host} if given.host else {}
    if given.email:
        headers = sign_in(url, given.email, os.environ["LOAD_PASSWORD"], headers)
    result = load(url, users=given.users, seconds=given.seconds, headers=headers)
    print(f"{len(result.latencies)} answers, {len(result.latencies) / given.seconds:.0f} a second")
    print(f"p50 {result.percentile(0.5):.0f} ms, p95 {result.percentile(0.95):.0f} ms")
    print(", ".join(f"{status}: {number}" for status, number in sorted(result.statuses.items())))
    print(f"{result.errors} server errors, {result.announced} announced")
    return 1 if result.errors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
