"""What a series of frames says; pure."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from apps.liveness.geometry import NoseShift
from apps.liveness.judging import Decision, FrameSeen, Verdict, judge
from apps.liveness.turns import SEQUENCES, Turn
from tests.liveness.support import FLAT, HEAD, angles, nose_of, projected

LIMIT = 0.6
ASKED = (Turn.LEFT, Turn.UP, Turn.RIGHT)


def series(turns: Sequence[Turn], points: Any = HEAD) -> list[FrameSeen]:
    """Straight ahead, then half and all of the way of each turn."""
    faces = [(0, projected(points))]
    for number, turn in enumerate(turns, start=1):
        faces += [(number, projected(points, **angles(turn, degrees))) for degrees in (24, 34)]
    return [
        FrameSeen(
            turn=turn,
            at_ms=900 * place,
            face=face,
            template=0.4,
            neighbour=0.2,
            nose=nose_of(faces[0][1], face) if place else None,
        )
        for place, (turn, face) in enumerate(faces)
    ]


def verdict(frames: list[FrameSeen], turns: Sequence[Turn] = ASKED) -> Verdict:
    return judge(frames, turns, limit=LIMIT, elapsed_ms=30_000)


def said(frames: list[FrameSeen], turns: Sequence[Turn] = ASKED) -> tuple[str, str]:
    found = verdict(frames, turns)
    return found.decision.value, found.reason


def test_a_head_that_turns_as_asked_is_live_in_every_sequence() -> None:
    assert {verdict(series(turns), turns).decision for turns in SEQUENCES} == {Decision.PASSED}


def test_what_is_measured_can_be_stored() -> None:
    """PostgreSQL takes no number in JSON that is none."""
    frames = series(ASKED)
    frames[2] = replace(frames[2], template=float("inf"), neighbour=float("nan"))
    assert json.dumps(verdict(frames).measurements, allow_nan=False)


def test_no_other_sequence_is_taken_for_the_one_that_was_asked() -> None:
    shown = {turns: series(turns) for turns in SEQUENCES if len(turns) == 2}
    found = {
        said(frames, asked) for asked in shown for turns, frames in shown.items() if turns != asked
    }
    assert found == {("undecided", "turns_not_followed")}


def test_a_picture_that_is_tilted_is_flat() -> None:
    decision, reason = said(series(ASKED, FLAT))
    assert (decision, reason) == ("failed", "turns_flat")


def test_a_face_that_does_not_move_accuses_nobody() -> None:
    still = projected(HEAD)
    frames = [replace(frame, face=still, nose=NoseShift(0, 0, 0, 0)) for frame in series(ASKED)]
    assert said(frames) == ("undecided", "turns_not_followed")


def test_what_follows_and_does_not_stand_out_is_no_face() -> None:
    """As paper that is folded along the nose; a few frames in which it is not seen are none."""
    first, *others = series(ASKED)
    folded = [replace(one, nose=replace(one.nose, out_across=0, out_down=0)) for one in others]
    assert said([first, *folded])[0] != "passed"
    assert said([first, *folded[:2], *others[2:]]) == ("passed", "")


def test_frames_that_were_there_before() -> None:
    one, two, *others = series(ASKED)
    used = [replace(one, used_before=True), replace(two, used_before=True), *others]
    assert said(used) == ("failed", "turns_used_before")
    assert said([used[0], two, *others]) == ("undecided", "turns_used_before")


@pytest.mark.parametrize(
    ("template", "decision", "reason"),
    [
        (0.59, "passed", ""),
        (0.7, "undecided", "turns_unlike"),
        (0.95, "failed", "turns_another_person"),
    ],
)
def test_the_first_frame_shows_the_student(template: float, decision: str, reason: str) -> None:
    first, *others = series(ASKED)
    assert said([replace(first, template=template), *others]) == (decision, reason)


def test_all_frames_together_are_nearer_than_one_has_to_be() -> None:
    """As a picture that was blended of two people is not."""
    frames = [replace(frame, template=0.595) for frame in series(ASKED)]
    assert said(frames) == ("undecided", "turns_unlike")


def test_a_turned_face_may_be_farther_off_but_not_jump() -> None:
    *others, last = series(ASKED)
    assert said([*others, replace(last, template=0.85)])[0] == "passed"
    assert said([*others, replace(last, template=0.95)]) == ("undecided", "turns_unlike")
    assert said([*others, replace(last, neighbour=0.95)]) == ("undecided", "turns_unlike")


def test_a_poor_frame_asks_again_whatever_the_others_show() -> None:
    frames = series(ASKED, FLAT)
    frames[3] = replace(frames[3], face=None, poor="too_blurred")
    assert said(frames) == ("undecided", "too_blurred")


def test_who_begins_with_a_turned_head_is_asked_to_look_straight() -> None:
    first, *others = series(ASKED)
    turned = replace(first, face=projected(HEAD, yaw=40))
    assert said([turned, *others]) == ("undecided", "turns_not_straight")


def test_frames_that_do_not_fit_in_time_or_number() -> None:
    frames = series(ASKED)
    assert said(frames[:4]) == ("undecided", "turns_incomplete")
    assert said([frames[1], frames[0], *frames[2:]]) == ("undecided", "turns_incomplete")
    assert said(frames[:5]) == ("undecided", "turns_incomplete")  # the last turn is missing
    at_once = [replace(frame, at_ms=place * 40) for place, frame in enumerate(frames)]
    assert said(at_once) == ("undecided", "turns_times")
    later = judge(frames, ASKED, limit=LIMIT, elapsed_ms=4_000)
    assert (later.decision, later.reason) == (Decision.UNDECIDED, "turns_times")
