"""Heads of five points that turn, and series of pictures made from one portrait."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import pytest

from apps.biometrics.engines import Engine, Face, Pixels
from apps.liveness.geometry import PLANE, NoseShift, homography, mapped, upright
from apps.liveness.turns import Turn
from bench.liveness_pictures import ENDS, Pose, filmed, framed, head, printed, sheet

# Millimetres from the middle of the eyes: to the person's left, down, towards the camera.
HEAD = np.array(
    [[-31.5, 0, 0], [31.5, 0, 0], [0, 42, 27], [-25, 70, 2], [25, 70, 2]], dtype=np.float64
)
FLAT = HEAD * [1, 1, 0]
ASKED = (Turn.RIGHT, Turn.DOWN)  # what tickets ask for in tests with pictures
CAMERA = 400.0  # millimetres away


def projected(
    points: Any,
    *,
    yaw: float = 0,
    pitch: float = 0,
    roll: float = 0,
    moved: tuple[int, int] = (0, 0),
) -> Face:
    """The face as a camera sees it, turned by degrees: to its left, down, clockwise."""
    turned = np.asarray(points, dtype=np.float64)
    for angle, (one, other) in ((yaw, (2, 0)), (pitch, (2, 1)), (roll, (0, 1))):
        cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
        first, second = turned[:, one].copy(), turned[:, other].copy()
        turned = turned.copy()
        turned[:, one] = first * cosine - second * sine
        turned[:, other] = first * sine + second * cosine
    scale = CAMERA / (CAMERA - turned[:, 2])
    flat = turned[:, :2] * scale[:, None] * 1.4 + [240 + moved[0], 200 + moved[1]]
    # A box as the detector draws it: forehead and chin come and go with the nod.
    above, below = 60 + 0.6 * pitch, 130 - 0.4 * pitch
    top, bottom = 200 + moved[1] - above, 200 + moved[1] + below
    marks = tuple((float(x), float(y)) for x, y in flat)
    return Face(box=(170.0, top, 140.0, bottom - top), landmarks=marks, score=0.95)  # type: ignore[arg-type]


def nose_of(first: Face, then: Face) -> NoseShift:
    """What would be measured of these five points. The face around the nose is no plane either: a
    third stands out."""
    before, after = upright(first), upright(then)
    back = homography(after[PLANE], before[PLANE])
    assert back is not None
    across, down = (float(part) for part in mapped(back, after[2:3])[0] - before[2])
    return NoseShift(across=across, down=down, out_across=across / 3, out_down=down / 3)


def angles(turn: Turn, degrees: float = 30) -> dict[str, float]:
    across, down = ENDS[turn]
    return {"yaw": across * degrees, "pitch": down * degrees * 0.7}


def ask_always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every ticket asks for the same turns: of one portrait not every turn is seen as well."""
    for place in ("lane.api.views", "lane.api.redeem", "liveness.services"):
        monkeypatch.setattr(f"apps.{place}.turns_of", lambda _ticket: ASKED)


class Portrait:
    """One portrait from which live heads and pictures of them are made."""

    def __init__(self, engine: Engine, pixels: Pixels) -> None:
        face = engine.detect(pixels)[0]
        self.picture = framed(pixels, face.landmarks[:2])
        self.rng = np.random.default_rng(5)

    def enrolled(self) -> bytes:
        """Another picture of the same person: turned, and in light from one side."""
        light = np.linspace(0.45, 1.25, self.picture.shape[1])[None, :, None]
        turned = head(self.picture, Pose(yaw=14, pitch=9, roll=6))
        return encoded((turned * light).clip(0, 255).astype(np.uint8))

    def selfie(self) -> bytes:
        return encoded(filmed(head(self.picture, Pose(yaw=3)), self.rng))

    def each_way(self) -> dict[str, bytes]:
        """Straight ahead, and turned each way."""
        rng = np.random.default_rng(5)
        ways = {"straight": (0, 0), **{turn.value: end for turn, end in ENDS.items()}}
        return {
            way: encoded(filmed(head(self.picture, Pose(yaw=30 * across, pitch=24 * down)), rng))
            for way, (across, down) in ways.items()
        }

    def live(self, turns: Sequence[Turn]) -> list[tuple[bytes, int, int]]:
        return self._series(turns, lambda pose: head(self.picture, pose))

    def held_up(self, turns: Sequence[Turn]) -> list[tuple[bytes, int, int]]:
        paper, wall = (
            printed(self.picture, np.random.default_rng(6)),
            np.full_like(self.picture, 120),
        )
        return self._series(turns, lambda pose: sheet(paper, pose, wall))

    def _series(self, turns: Sequence[Turn], draw: Any) -> list[tuple[bytes, int, int]]:
        """(JPEG, turn, milliseconds): straight ahead, then twice for each turn; the same ones
        each time."""
        rng = np.random.default_rng(5)
        poses = [(0, Pose())]
        for number, turn in enumerate(turns, start=1):
            across, down = ENDS[turn]
            for share in (0.8, 1.0):
                pose = Pose(yaw=30 * across * share, pitch=24 * down * share, roll=2 * share)
                poses.append((number, pose))
        return [
            (encoded(filmed(draw(pose), rng)), turn, 1000 * place)
            for place, (turn, pose) in enumerate(poses)
        ]


def encoded(pixels: Pixels, quality: int = 90) -> bytes:
    _done, data = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return bytes(data)


def decoded(jpeg: bytes) -> Pixels:
    return np.ascontiguousarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), 1)[..., ::-1])
