"""Messages per second that one worker delivers over FCM, against a bare HTTP client.

    python -m bench.notifications [--people 4000] [--rounds 3] [--json FILE]

Starts its own PostgreSQL (durable) and Valkey in a temporary folder, and in a process of its own a
server that speaks FCM's protocol (token endpoint included). Each round measures: the request that
notifies everybody (`notify` up to the commit), the delivery by one worker, and the same client
library with the same number of connections that posts the same messages and keeps nothing. The
table gives medians over the rounds. Promises: notifying 4,000 takes at most 0.5 s; delivery
≥ 0.6 × the bare client.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import urllib3

MIN_RATIO = 0.6
MAX_NOTIFY_SECONDS = 0.5
CONNECTIONS = 16


def serve(folder: Path) -> None:
    """The provider: writes its credentials into the folder, then answers until it is ended."""
    from tests.notifications.providers import Firebase

    with Firebase().running() as firebase:
        firebase.write_credentials(folder)
        (folder / "url").write_text(firebase.url)
        sys.stdin.read()


@contextmanager
def provider(folder: Path) -> Any:
    """Ends when its standard input does, so it cannot outlive us."""
    command = [sys.executable, "-m", "bench.notifications", "--serve", str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        deadline = time.monotonic() + 30
        while not (folder / "url").exists() or not (folder / "url").read_text():
            if time.monotonic() > deadline:
                raise SystemExit("The provider did not start.")
            time.sleep(0.05)
        yield (folder / "url").read_text()
        assert process.stdin is not None
        process.stdin.close()


def set_up(var: Path, url: str) -> None:
    os.environ.update(
        DJANGO_SETTINGS_MODULE="bench.settings",
        CAMPUS_VAR=str(var),
        FCM_URL=url,
        OUTGOING_PRIVATE_ADDRESSES=url.removeprefix("http://"),
        FCM_CREDENTIALS_FILE=str(var / "service-account.json"),
        NOTIFICATIONS_PUSH_CONCURRENCY=str(CONNECTIONS),
    )
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def people(number: int) -> tuple[Any, list[int]]:
    """A campus and the accounts of so many people with a phone each."""
    from apps.accounts.models import User
    from apps.notifications.models import PushToken
    from apps.tenants.models import Campus
    from apps.tenants.scope import campus_scope

    campus = Campus.objects.create(slug="bench", name="Bench")
    with campus_scope(campus):
        users = User.objects.bulk_create(
            User(email=f"u{index}@bench.example", password="!") for index in range(number)
        )
        PushToken.objects.bulk_create(
            PushToken(user=user, device_type="android", token=f"phone-{user.pk}") for user in users
        )
    return campus, [user.pk for user in users]


def measure_notify(campus: Any, user_ids: list[int], key: str) -> float:
    """Seconds from the call to the end of the commit."""
    from django.utils import timezone

    from apps.notifications.services import notify
    from apps.tenants.scope import campus_scope

    started = time.perf_counter()
    with campus_scope(campus):
        count = notify(
            kind="announcement",
            user_ids=user_ids,
            title="Room",
            body="We meet in 102.",
            now=timezone.now(),
            key=key,
        )
    assert count == len(user_ids)
    return time.perf_counter() - started


def measure_delivery(campus: Any, number: int) -> float:
    """Messages per second."""
    from django.utils import timezone

    from apps.notifications.services.delivery import deliver_due

    until = timezone.now() + timedelta(minutes=10)
    started = time.perf_counter()
    sent = deliver_due(campus_id=campus.pk, name="push", clock=timezone.now, until=until)
    assert sent == number
    return number / (time.perf_counter() - started)


def measure_bare(url: str, number: int) -> float:
    """Messages per second of the same client that posts a ready body and keeps nothing."""
    from apps.notifications.channels import channel
    from apps.notifications.channels.base import OutgoingMessage
    from apps.notifications.channels.fcm import message_of

    sender: Any = channel("push")
    headers = {"Authorization": f"Bearer {sender._open().get()}"}
    outgoing = OutgoingMessage(
        delivery_id=1, address="bare", title="Room", body="We meet in 102.", tag="m1u1"
    )
    body = json.dumps({"message": message_of(outgoing)}).encode()
    client = urllib3.PoolManager(maxsize=CONNECTIONS, block=True, retries=False)

    def post(_number: int) -> None:
        answer = client.request("POST", sender._url, body=body, headers=headers)
        assert answer.status == 200
        answer.json()

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        started = time.perf_counter()
        list(pool.map(post, range(number)))
        return number / (time.perf_counter() - started)


def analyze() -> None:
    """What autovacuum does within a minute: until then the planner thinks the tables empty."""
    from django.db import connections

    with connections["owner"].cursor() as cursor:
        cursor.execute("ANALYZE")


def measure(url: str, number: int, rounds: int) -> dict[str, float]:
    campus, user_ids = people(number)
    taken: dict[str, list[float]] = {"notify_s": [], "delivery": [], "bare": []}
    for turn in range(rounds + 1):  # the first warms up
        if turn == 1:
            analyze()
        found = {
            "notify_s": measure_notify(campus, user_ids, f"round:{turn}"),
            "delivery": measure_delivery(campus, number),
            "bare": measure_bare(url, number),
        }
        if turn:
            for name, value in found.items():
                taken[name].append(value)
    ratios = [d / b for d, b in zip(taken["delivery"], taken["bare"], strict=True)]
    medians = {name: statistics.median(values) for name, values in taken.items()}
    return {**medians, "ratio": statistics.median(ratios)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
        return 0
    from apps.processes.embedded import EmbeddedStack, Layout

    with tempfile.TemporaryDirectory(prefix="campus-bench-") as folder:
        stack = EmbeddedStack(Layout(Path(folder)))
        stack.start()
        try:
            with provider(Path(folder)) as url:
                set_up(Path(folder), url)
                result = measure(url, options.people, options.rounds)
        finally:
            stack.stop()
    print(
        f"{options.people} people: notified in {result['notify_s']:.3f} s "
        f"(at most {MAX_NOTIFY_SECONDS}); delivered {result['delivery']:.0f} a second by one "
        f"worker, bare client {result['bare']:.0f}, ratio {result['ratio']:.2f} "
        f"(at least {MIN_RATIO})"
    )
    if options.json:
        options.json.write_text(json.dumps(result, indent=2))
    return int(result["ratio"] < MIN_RATIO or result["notify_s"] > MAX_NOTIFY_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
