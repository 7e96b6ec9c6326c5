"""A few free tries, then pauses that grow, for however many arrive at once."""

import threading
from typing import Any

import pytest
from django.core.cache import cache

from apps.common import guesses
from apps.common.guesses import GuessLimit, guess_wait, guesses_forget

LIMIT = GuessLimit(free=3, first=60, longest=200)


def tries(*moments: float) -> list[int]:
    return [guess_wait("k", limit=LIMIT, now=moment) for moment in moments]


def test_pauses_double_up_to_the_longest() -> None:
    assert tries(0, 0, 0, 1, 59) == [0, 0, 0, 59, 1]
    assert tries(60, 61, 179) == [0, 119, 1]
    assert tries(180, 181, 379, 380) == [0, 199, 1, 0]
    assert tries(381) == [199]


def test_what_was_refused_makes_no_pause_longer() -> None:
    tries(0, 0, 0)
    tries(*[1] * 50)
    assert tries(60, 61) == [0, 119]


def test_the_right_answer_starts_anew() -> None:
    tries(0, 0, 0, 60, 180)
    guesses_forget("k")
    assert tries(200, 200, 200, 201) == [0, 0, 0, 59]


@pytest.mark.parametrize(("before", "admitted"), [(0, LIMIT.free), (LIMIT.free, 1)])
def test_of_many_at_once_no_more_get_through(before: int, admitted: int) -> None:
    tries(*[0] * before)
    start, waits = threading.Barrier(16), []

    def run() -> None:
        start.wait()
        waits.append(guess_wait("k", limit=LIMIT, now=1000))

    threads = [threading.Thread(target=run) for _n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert waits.count(0) == admitted


def test_without_the_cache_server_the_process_counts_for_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def lost(*_args: Any, **_options: Any) -> Any:
        return None

    monkeypatch.setattr(type(cache._connections["default"]), "get", lost)  # type: ignore[attr-defined]
    guesses._own.clear()
    assert tries(0, 0, 0, 1, 60, 61) == [0, 0, 0, 59, 0, 119]
