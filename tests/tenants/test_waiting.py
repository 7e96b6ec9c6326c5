"""Servers that a campus has named hold only so many of the threads that all campuses share."""

import pytest

from apps.common.answers import NoAnswer
from apps.tenants import waiting as module
from apps.tenants.scope import campus_scope
from apps.tenants.waiting import FREE_SECONDS, MOST_SECONDS, waiting
from tests.factories import Cast

pytestmark = pytest.mark.django_db


class Clock:
    """Of the module: it asks for both."""

    def __init__(self) -> None:
        self.at = 1_000_000.0

    def time(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(module, "time", made)
    return made


def asked(clock: Clock, longest: float, took: float) -> bool:
    try:
        with waiting(longest):
            clock.at += took
    except NoAnswer:
        return False
    return True


def test_a_slow_server_is_asked_no_more_in_this_minute(
    cast: Cast, other_cast: Cast, clock: Clock
) -> None:
    slow = 4.0 - FREE_SECONDS
    with campus_scope(cast.campus, for_request=True):
        times = 0
        while asked(clock, 4.0, 4.0):
            clock.at -= 4.0  # all at once
            times += 1
        assert times == int((MOST_SECONDS - 4.0) / slow) + 1
        assert not asked(clock, 4.0, 0.0)
    with campus_scope(other_cast.campus, for_request=True):
        assert asked(clock, 4.0, 4.0)
    clock.at += 60
    with campus_scope(cast.campus, for_request=True):
        assert asked(clock, 4.0, 0.1)


def test_a_server_that_answers_soon_is_asked_as_often_as_people_come(
    cast: Cast, clock: Clock
) -> None:
    with campus_scope(cast.campus, for_request=True):
        for _each in range(500):
            assert asked(clock, 4.0, FREE_SECONDS)
            clock.at -= FREE_SECONDS


def test_so_many_wait_at_once_and_an_error_gives_them_back(cast: Cast, clock: Clock) -> None:
    def nested(depth: int) -> int:
        try:
            with waiting(4.0):
                return nested(depth + 1)
        except NoAnswer:
            return depth

    with campus_scope(cast.campus, for_request=True):
        assert nested(0) == MOST_SECONDS // 4.0
        with pytest.raises(ValueError, match="odd"), waiting(4.0):
            raise ValueError("odd")
        assert nested(0) == MOST_SECONDS // 4.0


def test_tasks_wait_as_they_like(cast: Cast, clock: Clock) -> None:
    with campus_scope(cast.campus):
        for _each in range(50):
            assert asked(clock, 4.0, 4.0)
