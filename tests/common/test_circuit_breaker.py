"""A server that did not answer is left alone for a while."""

import pytest
from redis.exceptions import ConnectionError as Away

from apps.common import circuit_breaker as module
from apps.common.cache import CampusCache, circuit_breaker, server_answers
from apps.common.circuit_breaker import CircuitBreaker


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def test_one_caller_tries_when_the_pause_is_over(clock: Clock) -> None:
    circuit = CircuitBreaker(pause=3.0, longest_try=5.0)
    assert circuit.allows()
    circuit.failed()
    assert not circuit.allows()
    clock.now += 3.0
    assert not circuit.is_open
    assert circuit.allows()
    assert [circuit.allows(), circuit.allows()] == [False, False]
    circuit.worked()
    assert circuit.allows()
    assert circuit.allows()


def test_a_caller_that_never_came_back_blocks_nobody_for_long(clock: Clock) -> None:
    circuit = CircuitBreaker(pause=3.0, longest_try=5.0)
    circuit.failed()
    clock.now += 3.0
    assert circuit.allows()
    clock.now += 5.0
    assert circuit.allows()


def test_while_it_is_open_the_cache_is_not_asked(clock: Clock) -> None:
    asked = []

    def ask() -> str:
        asked.append(1)
        raise Away

    circuit_breaker.worked()
    try:
        assert [CampusCache._or("none", ask) for _ in range(5)] == ["none"] * 5
        assert len(asked) == 1
        assert not server_answers()
        clock.now += circuit_breaker.pause
        assert CampusCache._or("none", ask) == "none"
        assert len(asked) == 2
    finally:
        circuit_breaker.worked()
    assert server_answers()
