"""How far a nose stands out: of a portrait on a head that turns, and on paper that is held up."""

from collections.abc import Callable
from dataclasses import astuple
from functools import partial

import numpy as np
import pytest

from apps.biometrics.engines import Engine, Pixels
from apps.liveness.geometry import NoseShift
from apps.liveness.judging import FLAT_OUT, FOLLOWS, STANDS_OUT
from apps.liveness.parallax import nose_shift
from bench.liveness_pictures import Pose, head, lamp, oval, sheet
from tests.liveness.support import Portrait

Shown = Callable[[Pose], Pixels]
WALL = np.full((480, 480, 3), 120, np.uint8)


@pytest.fixture(scope="module")
def portrait(engine: Engine, astronaut: Pixels) -> Portrait:
    return Portrait(engine, astronaut)


def shift(engine: Engine, shown: Shown, pose: Pose) -> NoseShift | None:
    before, after = shown(Pose()), shown(pose)
    return nose_shift(before, engine.detect(before)[0], after, engine.detect(after)[0])


@pytest.mark.parametrize("seed", [None, 1])
def test_the_nose_of_a_head_stands_out_where_it_is_turned(
    engine: Engine, portrait: Portrait, seed: int | None
) -> None:
    """Also where the light of the room stays on the same side."""
    light = None if seed is None else lamp(np.random.default_rng(seed))
    shown = partial(head, portrait.picture, light=light)
    for pose, way in (
        (Pose(yaw=25), (1, 0)),
        (Pose(yaw=-25, roll=8), (-1, 0)),
        (Pose(pitch=20, zoom=1.1), (0, 1)),
        (Pose(pitch=-20, moved=(20.0, 9.0)), (0, -1)),
    ):
        found = shift(engine, shown, pose)
        assert found is not None
        assert way[0] * found.across + way[1] * found.down > FOLLOWS
        assert way[0] * found.out_across + way[1] * found.out_down > STANDS_OUT


@pytest.mark.parametrize(
    "how",
    [{}, {"bend": 0.25}, {"fold": 25.0}, {"bend": 1 / 1.6, "outline": oval()}],
    ids=["flat", "bent", "folded", "cut out and bent like a face"],
)
def test_nothing_stands_out_of_paper(
    engine: Engine, portrait: Portrait, how: dict[str, object]
) -> None:
    def shown(pose: Pose) -> Pixels:
        return sheet(portrait.picture, pose, WALL, **how)  # type: ignore[arg-type]

    for pose in (Pose(yaw=28), Pose(yaw=-12, pitch=-20, roll=10)):
        found = shift(engine, shown, pose)
        assert found is not None
        assert max(abs(found.out_across), abs(found.out_down)) < STANDS_OUT
        if not how:
            assert max(abs(found.across), abs(found.down)) < FOLLOWS


def test_a_face_that_is_not_found_again_tells_nothing(engine: Engine, portrait: Portrait) -> None:
    face = engine.detect(portrait.picture)[0]
    noise = np.random.default_rng(1).integers(0, 255, (480, 480, 3), dtype=np.uint8)
    assert nose_shift(portrait.picture, face, noise, face) is None
    same = nose_shift(portrait.picture, face, portrait.picture, face)
    assert same is not None
    assert max(abs(part) for part in astuple(same)) < FLAT_OUT
