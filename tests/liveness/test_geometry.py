"""Five points of a head, and of a picture of one, that turn before a camera."""

import pytest

from apps.biometrics.engines import Face
from apps.liveness.geometry import change_of, pose
from apps.liveness.turns import Turn
from tests.liveness.support import FLAT, HEAD, angles, projected


@pytest.mark.parametrize("roll", [-15, 0, 20])
@pytest.mark.parametrize("degrees", [25, 40])
def test_a_nose_goes_where_the_head_is_turned(degrees: float, roll: float) -> None:
    first = projected(HEAD, roll=-5)
    for turn, sign in ((Turn.LEFT, 1), (Turn.RIGHT, -1)):
        change = change_of(first, projected(HEAD, roll=roll, **angles(turn, degrees)))
        assert change.across is not None
        assert sign * change.across > 0.15
    for turn, sign in ((Turn.DOWN, 1), (Turn.UP, -1)):
        change = change_of(first, projected(HEAD, **angles(turn, degrees)))
        assert sign * change.nodded > 0.02
        assert change.across is not None
        assert abs(change.across) < 0.05


@pytest.mark.parametrize("yaw", [-50, -25, 25, 50])
@pytest.mark.parametrize("pitch", [-30, 0, 30])
def test_the_nose_of_a_picture_stays_however_it_is_tilted(yaw: float, pitch: float) -> None:
    change = change_of(
        projected(FLAT), projected(FLAT, yaw=yaw, pitch=pitch, roll=12, moved=(9, 5))
    )
    assert change.across == pytest.approx(0, abs=1e-6)
    assert change.squeezed > 1.05


def test_a_head_that_only_moves_or_tilts_its_ear_is_not_turned() -> None:
    change = change_of(projected(HEAD), projected(HEAD, roll=25, moved=(40, -20)))
    assert change.across == pytest.approx(0, abs=1e-6)
    assert change.squeezed == pytest.approx(1, abs=1e-6)


def test_a_face_whose_points_lie_on_a_line_has_no_plane() -> None:
    marks = ((0.0, 0.0), (1.0, 0.0), (2.0, 0.0), (3.0, 0.0), (4.0, 0.0))
    line = Face(box=(0, 0, 10, 10), landmarks=marks, score=0.9)
    assert change_of(line, line).across is None
    assert pose(line)[1] == 0


def test_pose_of_a_face_straight_ahead() -> None:
    turn, nod = pose(projected(HEAD, roll=10))
    assert turn == pytest.approx(0, abs=1e-6)
    assert 0.5 < nod < 0.7
