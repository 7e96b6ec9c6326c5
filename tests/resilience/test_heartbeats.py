"""Real workers and a real beat give signs of life, and none once they are frozen."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from apps.common.cache import ask_server
from apps.ops import beat_lease
from apps.ops.diagnosis import FAIL, OK, Look, diagnose
from apps.ops.heartbeats import KEY
from apps.processes.spawning import wait_until
from tests.factories import Cast
from tests.ops.running import DEADLINE, Script, running
from tests.resilience.conftest import family, program


@pytest.fixture
def platform(hall: Cast, tmp_path: Path) -> Iterator[dict[str, Script]]:
    """A worker for three of the queues, and beat."""
    # Beats that other tests killed have left their lease behind.
    ask_server(lambda client: client.delete(KEY, beat_lease.KEY), otherwise=None)
    with ExitStack() as scripts:
        found = {}
        for name in ("worker", "beat"):
            arguments, environment = program(name)
            script = running(*arguments, log=tmp_path / f"{name}.log", env=environment)
            found[name] = scripts.enter_context(script)
        yield found


def levels(seconds: int = 0) -> dict[str, str]:
    """Of the worker's first queue and of beat, as they look in so many seconds."""
    look = Look(now=timezone.now() + timedelta(seconds=seconds))
    found = diagnose(look, names=["workers", "beat"])
    queue = next(one for one in found if "default" in one.text)
    beat = next(one for one in found if one.check == "beat")
    return {"worker": FAIL if queue.level == FAIL else OK, "beat": beat.level}


def test_frozen_workers_and_beat_are_found(platform: dict[str, Script]) -> None:
    assert levels() == {"worker": FAIL, "beat": FAIL}
    assert wait_until(lambda: levels() == {"worker": OK, "beat": OK}, timeout=DEADLINE)
    for script in platform.values():
        for process in family(script):
            process.send_signal(signal.SIGSTOP)
    try:
        assert levels(seconds=75) == {"worker": FAIL, "beat": FAIL}
    finally:
        for script in platform.values():
            for process in family(script):
                process.send_signal(signal.SIGCONT)
