"""From factors to a score: a table, and the properties that hold for every combination."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.attendance.models.policy import default_decisive, default_required, default_weights
from apps.checkin.factors.base import FactorResult
from apps.checkin.scoring import judge, score_of

POLICY = {
    "weights": default_weights(),
    "required": default_required(),
    "decisive": default_decisive(),
    "present_threshold": "0.60",
}
YES = FactorResult(passed=True)
NO = FactorResult(passed=False, reason="not_matched")
UNSURE = FactorResult(passed=None)
# The phone's own check is asked where a policy says so, beside the others.
ALL = dict.fromkeys(default_weights().keys() - {"person"}, YES)


@pytest.mark.parametrize(
    ("changes", "score"),
    [
        ({}, "1.00"),
        ({"location": NO}, "0.85"),
        ({"location": UNSURE}, "0.93"),
        ({"bluetooth": NO}, "0.90"),
        ({"location": NO, "bluetooth": NO}, "0.75"),
        ({"face": UNSURE}, "0.90"),
        ({"face": NO}, "0.80"),
        ({"location": UNSURE, "bluetooth": UNSURE, "face": UNSURE}, "0.78"),
        ({"location": FactorResult(passed=True, confidence=0.6)}, "0.97"),
        (dict.fromkeys(ALL, NO), "0.00"),
    ],
)
def test_the_score_is_the_policys_weighted_sum(changes: dict, score: str) -> None:
    assert score_of(POLICY["weights"], {**ALL, **changes}) == Decimal(score)


def test_the_default_weights_are_whole_and_place_is_never_decisive() -> None:
    weights = default_weights()
    assert weights.pop("person") == weights["face"]
    assert sum(weights.values()) == pytest.approx(1.0)
    assert default_weights()["location"] <= 0.2
    assert "location" not in default_decisive() + default_required()


def test_a_student_without_face_can_score_as_high_as_one_with() -> None:
    without = {name: YES for name in ALL if name != "face"}
    assert score_of(POLICY["weights"], without) == score_of(POLICY["weights"], ALL) == 1


def test_a_missing_required_factor_refuses_whatever_the_score() -> None:
    no_device = FactorResult(passed=None, reason="no_device")
    result = judge(POLICY, {**ALL, "device": no_device})
    assert (result.reason, result.score) == ("no_device", Decimal("0.90"))


def test_a_wrong_face_refuses_but_one_that_could_not_be_told_does_not() -> None:
    assert judge(POLICY, {**ALL, "face": NO}).reason == "face_mismatch"
    assert judge(POLICY, {**ALL, "face": UNSURE}).reason == ""


def test_too_little_proof_is_too_low() -> None:
    strict = {**POLICY, "present_threshold": "0.80"}
    outside = FactorResult(passed=False, reason="outside")
    results = {**ALL, "location": outside, "bluetooth": outside}
    assert judge(strict, results).reason == "score_too_low"


def test_the_explanation_adds_up_to_the_score() -> None:
    result = judge(POLICY, {**ALL, "location": NO, "face": UNSURE})
    points = sum(factor["points"] for factor in result.factors.values())
    assert points == pytest.approx(float(result.score), abs=0.006)


result = st.one_of(
    st.just(NO),
    st.just(UNSURE),
    st.floats(0, 1).map(lambda c: FactorResult(passed=True, confidence=c)),
)


@given(
    st.fixed_dictionaries(dict.fromkeys(ALL, result)),
    st.sampled_from(sorted(ALL)),
    st.floats(0, 1),
)
def test_better_evidence_never_lowers_the_score(
    results: dict, better: str, confidence: float
) -> None:
    """Property: failure ≤ could not tell ≤ pass, and ≤ a surer pass."""
    weights = POLICY["weights"]
    surer = FactorResult(passed=True, confidence=confidence)
    ladder = [NO, UNSURE, surer, YES]
    scores = [score_of(weights, {**results, better: step}) for step in ladder]
    assert scores == sorted(scores)
    assert all(0 <= score <= 1 for score in scores)
