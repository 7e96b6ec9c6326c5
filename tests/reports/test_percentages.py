"""The rule of percentages and what is within reach, against plain counting."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.reports.percentages import outlook, percentage

LIMITS = st.decimals(min_value=0, max_value=100, places=2)


@st.composite
def figures(draw: st.DrawFn) -> tuple[int, int, int]:
    """(attended, counted, remaining)"""
    counted = draw(st.integers(0, 80))
    return draw(st.integers(0, counted)), counted, draw(st.integers(0, 60))


def test_nothing_counted_is_no_percentage() -> None:
    assert percentage(0, 0) is None


@pytest.mark.parametrize(
    ("attended", "counted", "expected"),
    [(3, 4, "75.00"), (2, 3, "66.67"), (1, 3, "33.33"), (0, 5, "0.00"), (1, 16, "6.25")],
)
def test_percentages_are_rounded_half_up(attended: int, counted: int, expected: str) -> None:
    assert percentage(attended, counted) == Decimal(expected)


def counted_out(attended: int, counted: int, remaining: int, limit: Decimal) -> int | None:
    """The fewest of the remaining sessions that suffice, by trying each number."""
    for number in range(remaining + 1):
        reached = percentage(attended + number, counted + remaining)
        if reached is None or reached >= limit:
            return number
    return None


def tried_in_a_row(attended: int, counted: int, remaining: int, limit: Decimal) -> int | None:
    for number in range(remaining + 1):
        reached = percentage(attended + number, counted + number)
        if reached is None or reached >= limit:
            return number
    return None


@given(figures(), LIMITS)
def test_the_outlook_is_what_trying_finds(given: tuple[int, int, int], limit: Decimal) -> None:
    attended, counted, remaining = given
    ahead = outlook(attended=attended, counted=counted, remaining=remaining, limit=limit)
    assert ahead.must_attend == counted_out(attended, counted, remaining, limit)
    assert ahead.in_a_row == tried_in_a_row(attended, counted, remaining, limit)
    assert ahead.highest == percentage(attended + remaining, counted + remaining)
    if ahead.must_attend is not None:
        assert ahead.may_miss == remaining - ahead.must_attend


def test_a_hundred_per_cent_is_out_of_reach_after_one_absence() -> None:
    ahead = outlook(attended=9, counted=10, remaining=30, limit=Decimal(100))
    assert (ahead.must_attend, ahead.may_miss, ahead.in_a_row) == (None, None, None)


def test_the_example_of_the_manual() -> None:
    """40 of 60 attended, 20 left, 75 % needed."""
    ahead = outlook(attended=40, counted=60, remaining=20, limit=Decimal(75))
    assert ahead.highest == Decimal("75.00")
    assert (ahead.must_attend, ahead.may_miss, ahead.in_a_row) == (20, 0, 20)
