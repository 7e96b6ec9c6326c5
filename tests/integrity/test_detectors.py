"""The findings as pure functions: what they find, what they leave alone."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import combinations
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.checkin.rapid_codes import challenge_results
from apps.integrity.detectors import WEIGHTS, Arrival, Seen, findings_of, flagged
from apps.integrity.detectors.clocks import fits
from apps.integrity.detectors.delays import LEAST_MAD_MS, limit_ms, slow_redeems
from apps.integrity.detectors.pairs import tail_bound, together
from apps.integrity.detectors.places import same_fixes
from apps.integrity.models import FindingKind

START = datetime(2026, 9, 14, 8, 0, tzinfo=UTC)
WEAK = [kind for kind, weight in WEIGHTS.items() if weight == Decimal("0.5")]
STRONG = [kind for kind, weight in WEIGHTS.items() if weight == 1]


def kinds(found: object) -> dict[int, set[str]]:
    by_student: dict[int, set[str]] = {}
    for one in found:  # type: ignore[attr-defined]
        by_student.setdefault(one.student_id, set()).add(one.kind)
    return by_student


# --- When findings add up -----------------------------------------------------------------------


def test_every_kind_has_a_weight() -> None:
    assert set(WEIGHTS) == set(FindingKind)


@pytest.mark.parametrize("kind", WEAK)
def test_what_honest_people_do_too_needs_a_second_finding(kind: FindingKind) -> None:
    assert not flagged([kind])
    assert all(flagged([kind, other]) for other in WEAK if other != kind)


@pytest.mark.parametrize("kind", STRONG)
def test_what_honest_phones_never_do_is_a_flag_whatever_else_is_there(kind: FindingKind) -> None:
    assert flagged([kind])
    assert flagged([kind, FindingKind.RAPID_CODE_PASSED])


def test_keeping_up_with_a_challenge_clears_what_only_says_far_from_the_screen() -> None:
    assert not flagged(
        [FindingKind.SLOW_REDEEM, FindingKind.FAR_AWAY, FindingKind.RAPID_CODE_PASSED]
    )
    assert flagged(
        [FindingKind.OTHER_DEVICE, FindingKind.CLOCK_DRIFT, FindingKind.RAPID_CODE_PASSED]
    )


@given(st.sets(st.sampled_from(FindingKind)), st.sampled_from(FindingKind))
def test_more_findings_never_unflag_but_for_a_passed_challenge(
    seen: set[FindingKind], more: FindingKind
) -> None:
    if more != FindingKind.RAPID_CODE_PASSED:
        assert flagged(seen | {more}) >= flagged(seen)


# --- Delays ----------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 10_000), min_size=5, max_size=200))
def test_the_limit_is_the_median_and_three_deviations(delays: list[int]) -> None:
    limit = limit_ms(delays)
    assert limit is not None
    middle = median(delays)
    mad = max(median(abs(d - middle) for d in delays), LEAST_MAD_MS)
    assert limit == pytest.approx(middle + 3 * mad)
    slow = {one.student_id for one in slow_redeems(_delayed(delays))}
    assert slow == {n for n, delay in enumerate(delays) if delay > limit}
    assert len(slow) < len(delays) / 2 + 1  # never the class as such


@given(st.lists(st.integers(0, 10_000), min_size=5), st.integers(0, 5_000))
def test_a_network_that_delays_everybody_alike_makes_nobody_slow(
    delays: list[int], by: int
) -> None:
    plain = {one.student_id for one in slow_redeems(_delayed(delays))}
    shifted = {one.student_id for one in slow_redeems(_delayed([d + by for d in delays]))}
    assert plain == shifted


def test_of_a_handful_of_students_nothing_is_said() -> None:
    assert list(slow_redeems(_delayed([100, 100, 100, 9_000]))) == []


def test_a_retry_is_not_slow_because_it_is_a_retry() -> None:
    seen = [*_delayed([900] * 6), Seen(student_id=0, delay_ms=9_500)]
    assert list(slow_redeems(seen)) == []


def _delayed(delays: list[int]) -> list[Seen]:
    return [Seen(student_id=n, delay_ms=delay) for n, delay in enumerate(delays)]


# --- Places, devices, clocks -----------------------------------------------------------------


def at(student_id: int, latitude: str, accuracy_m: float = 8) -> Seen:
    return Seen(
        student_id=student_id,
        latitude=Decimal(latitude),
        longitude=Decimal("13.37770400"),
        accuracy_m=accuracy_m,
    )


def test_the_same_fix_to_the_eighth_decimal_names_both() -> None:
    found = kinds(same_fixes([at(1, "52.51627301"), at(2, "52.51627301"), at(3, "52.51627302")]))
    assert found == {1: {FindingKind.SAME_FIX}, 2: {FindingKind.SAME_FIX}}


def test_one_student_twice_and_a_vague_fix_say_nothing() -> None:
    assert list(same_fixes([at(1, "52.5"), at(1, "52.5")])) == []
    assert list(same_fixes([at(1, "52.5", 2_000), at(2, "52.5", 2_000)])) == []


def test_one_device_for_two_names_its_owner_and_its_user() -> None:
    seen = [Seen(student_id=1), Seen(student_id=2, accepted=False, signed_by=1)]
    found = {one.student_id: dict(one.detail) for one in findings_of(seen, [])}
    assert found == {1: {"students": [2]}, 2: {"students": [1]}}


def test_another_device_of_nobody_known_is_a_weak_finding() -> None:
    seen = [Seen(student_id=1, accepted=False, reason="bad_signature")] * 2
    (one,) = findings_of(seen, [])
    assert (one.kind, dict(one.detail)) == (FindingKind.OTHER_DEVICE, {"tries": 2})


@pytest.mark.parametrize(
    ("drift", "right"), [(-10, True), (-10.1, False), (0, True), (15, True), (15.1, False)]
)
def test_a_clock_fits_within_two_windows(drift: float, right: bool) -> None:
    assert fits(drift) == right


def test_far_and_mocked_are_separate_findings() -> None:
    found = kinds(findings_of([Seen(student_id=1, far="over_1_km", mocked=True)], []))
    assert found == {1: {FindingKind.FAR_AWAY, FindingKind.MOCK_LOCATION}}
    assert findings_of([Seen(student_id=1, far="under_200_m")], []) == []


# --- Pairs -----------------------------------------------------------------------------------


def class_of(size: int, sessions: int, *, colluding: tuple[int, int] = (0, 1)) -> list[Arrival]:
    """Everybody half a minute apart but for one pair, which is always two seconds apart."""
    arrivals = []
    for session_id in range(sessions):
        for n in range(size):
            seconds = 30 * n
            if n == colluding[1]:
                seconds = 30 * colluding[0] + 2
            arrivals.append(
                Arrival(
                    session_id=session_id,
                    student_id=n,
                    at=START + timedelta(seconds=seconds),
                    address="10.0.0.1",
                )
            )
    return arrivals


def test_a_pair_that_always_arrives_together_is_named_from_the_fourth_session_on() -> None:
    assert kinds(together(class_of(30, 3), students=range(30))) == {}
    found = list(together(class_of(30, 4), students=range(30)))
    assert {(one.student_id, *one.detail["students"]) for one in found} == {(0, 1), (1, 0)}
    assert {one.detail["times"] for one in found} == {4}


def test_only_students_of_this_session_are_named() -> None:
    assert kinds(together(class_of(30, 6), students=[1])) == {1: {FindingKind.TOGETHER}}


def test_two_addresses_are_not_together() -> None:
    apart = [
        Arrival(
            session_id=one.session_id,
            student_id=one.student_id,
            at=one.at,
            address=f"10.0.0.{one.student_id}",
        )
        for one in class_of(30, 8)
    ]
    assert list(together(apart, students=range(30))) == []


def test_a_hall_that_scans_as_one_names_nobody() -> None:
    rush = [
        Arrival(
            session_id=s, student_id=n, at=START + timedelta(seconds=n / 20), address="10.0.0.1"
        )
        for s in range(20)
        for n in range(60)
    ]
    assert list(together(rush, students=range(60))) == []


@given(st.lists(st.floats(0.01, 0.99), min_size=1, max_size=9))
def test_the_bound_is_never_below_the_true_chance(chances: list[float]) -> None:
    """Against the exact tail of a sum of independent trials with unequal chances."""
    places = range(len(chances))
    for count in range(1, len(chances) + 1):
        exact = 0.0
        for size in range(count, len(chances) + 1):
            for hits in combinations(places, size):
                product = 1.0
                for n in places:
                    product *= chances[n] if n in hits else 1 - chances[n]
                exact += product
        assert tail_bound(count, sum(chances)) >= exact - 1e-9


# --- Challenges ------------------------------------------------------------------------------


def test_four_of_five_pass_and_three_do_not() -> None:
    results, void = challenge_results(expected=[1, 2], redeemed={1: [1, 2, 3, 4], 2: [1, 2, 2, 3]})
    assert [(one.student_id, one.redeemed, one.passed) for one in results] == [
        (1, 4, True),
        (2, 3, False),
    ]
    assert not void


def test_where_most_fail_the_challenge_is_void() -> None:
    _results, void = challenge_results(expected=[1, 2, 3], redeemed={1: [1, 2, 3, 4, 5]})
    assert void
    assert challenge_results(expected=[], redeemed={}) == ([], True)
