"""Series of frames made from one photo: a head that turns, and pictures held up in its place.

All of them are simulated. The head is the photo on a made-up surface (an ellipsoid with a nose)
that is turned; prints and screens are the photo on a plane, or on a part of a cylinder.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from apps.liveness.turns import Turn

Pixels = NDArray[np.uint8]
Map = NDArray[np.float32]

SIDE: Final = 480  # pixels of a frame
EYES: Final = 88.0  # pixels between them
MIDDLE: Final = (240.0, 205.0)  # of the eyes in a frame
ENDS: Final = {Turn.LEFT: (1, 0), Turn.RIGHT: (-1, 0), Turn.UP: (0, -1), Turn.DOWN: (0, 1)}

# In distances between the eyes (63 mm), from the middle of the eyes: half axes of the head as an
# ellipsoid, its centre below the eyes, and a nose whose tip is 27 mm before the plane of the eyes.
HEAD: Final = (1.25, 1.75, 1.30)
CENTRE: Final = 0.15
NOSE: Final = (0.17, 0.30, 0.33)  # half width, half length, height over the ellipsoid
TIP: Final = (0.0, 0.62)  # of the nose, to the person's left and down, unless a picture says so


@dataclass(frozen=True)
class Pose:
    """Degrees: to the person's left, down, and clockwise on the picture; zoom; pixels moved."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    zoom: float = 1.0
    moved: tuple[float, float] = (0.0, 0.0)


def framed(photo: Pixels, eyes: tuple[tuple[float, float], tuple[float, float]]) -> Pixels:
    """The photo with its face where a phone at arm's length has it, edges repeated."""
    (rx, ry), (lx, ly) = eyes
    across = np.array([lx - rx, ly - ry])
    scale = EYES / float(np.hypot(*across))
    turn = float(np.degrees(np.arctan2(across[1], across[0])))
    middle = ((rx + lx) / 2, (ry + ly) / 2)
    matrix = cv2.getRotationMatrix2D(middle, turn, scale)
    matrix[:, 2] += np.array(MIDDLE) - np.array(middle)
    return cv2.warpAffine(
        photo, matrix, (SIDE, SIDE), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )


def plan(turns: Sequence[Turn], rng: np.random.Generator, *, strong: float = 1.0) -> list[Pose]:
    """What a person does: straight ahead, then half the way and all of it for each turn."""

    def shaken() -> dict[str, object]:
        return {
            "roll": float(rng.normal(0, 2)),
            "zoom": float(rng.normal(1, 0.02)),
            "moved": (float(rng.normal(0, 5)), float(rng.normal(0, 5))),
        }

    poses = [Pose(yaw=rng.normal(0, 2), pitch=rng.normal(0, 2), **shaken())]
    for turn in turns:
        across, down = ENDS[turn]
        yaw = strong * float(rng.uniform(22, 38))
        pitch = strong * float(rng.uniform(16, 28))
        for share in (float(rng.uniform(0.55, 0.9)), 1.0):
            poses.append(
                Pose(
                    yaw=across * yaw * share + rng.normal(0, 3),
                    pitch=down * pitch * share + rng.normal(0, 3),
                    **shaken(),
                )
            )
    return poses


def times(count: int, rng: np.random.Generator) -> list[int]:
    return [0, *np.cumsum(rng.integers(900, 1500, count - 1)).tolist()]


STEP: Final = 3  # every third pixel is reckoned, the others lie between


def _grid() -> tuple[Map, Map]:
    rows, columns = np.mgrid[0:SIDE:STEP, 0:SIDE:STEP].astype(np.float32)
    return (columns - MIDDLE[0]) / EYES, (rows - MIDDLE[1]) / EYES


def _looked_up(picture: Pixels, x: Map, y: Map, *, border: int = cv2.BORDER_REPLICATE) -> Pixels:
    """The picture with each pixel taken from where these maps of the grid say."""
    size = len(x) * STEP
    enlarge = np.array([[STEP, 0, 0], [0, STEP, 0]], dtype=np.float64)
    columns, rows = (
        cv2.warpAffine(  # the grid's points stay where they are
            np.ascontiguousarray(part, dtype=np.float32),
            enlarge,
            (size, size),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        for part in (x * EYES + MIDDLE[0], y * EYES + MIDDLE[1])
    )
    return cv2.remap(picture, columns, rows, cv2.INTER_LINEAR, borderMode=border)


def tip_of(landmarks: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Where the nose of a framed picture is, for `head`: people look a little aside in photos."""
    return (landmarks[2][0] - MIDDLE[0]) / EYES, (landmarks[2][1] - MIDDLE[1]) / EYES


def _depth(x: Map, y: Map, tip: tuple[float, float]) -> Map:
    wide, tall, deep = HEAD
    inside = 1 - (x / wide) ** 2 - ((y - CENTRE) / tall) ** 2
    across, along, high = NOSE
    beside, below = tip
    middle = beside * np.clip(y / max(below, 0.1), 0, 1)  # from between the eyes to the tip
    ridge = np.where(y < below, along * 1.3, along * 0.6)
    nose = high * np.exp(-(((x - middle) / across) ** 2) - ((y - below) / ridge) ** 2)
    return (deep * np.sqrt(np.clip(inside, 0, None)) + nose * (inside > 0)).astype(np.float32)


def _soft(x: Map, y: Map) -> Map:
    """1 on the head, 0 in the background, and a soft edge between them (hair and neck)."""
    wide, tall, _deep = HEAD
    far = np.sqrt((x / wide) ** 2 + ((y - CENTRE) / tall) ** 2)
    return np.clip((1.45 - far) / 0.45, 0, 1).astype(np.float32)


def lamp(rng: np.random.Generator) -> Map:
    """Where the light of a room comes from: from a side, mostly from above."""
    across, above = rng.uniform(-1.0, 1.0), rng.uniform(-0.2, 1.0)
    light = np.array([across, -above, 1.0], dtype=np.float32)
    return np.asarray(light / np.linalg.norm(light), dtype=np.float32)


DIFFUSE: Final = 0.5  # of the light comes from everywhere


def _lit(x: Map, y: Map, yaw: float, pitch: float, light: Map, tip: tuple[float, float]) -> Map:
    """How much brighter a place of the head is than when it was straight ahead: the light stays."""
    step = 0.05
    across = (_depth(x + step, y, tip) - _depth(x - step, y, tip)) / (2 * step)
    down = (_depth(x, y + step, tip) - _depth(x, y - step, tip)) / (2 * step)
    normal = np.stack([-across, -down, np.ones_like(x)], axis=-1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    turned_x = normal[..., 0] * np.cos(yaw) + normal[..., 2] * np.sin(yaw)
    deep = -normal[..., 0] * np.sin(yaw) + normal[..., 2] * np.cos(yaw)
    turned_y = normal[..., 1] * np.cos(pitch) + deep * np.sin(pitch)
    deep = -normal[..., 1] * np.sin(pitch) + deep * np.cos(pitch)
    turned = np.stack([turned_x, turned_y, deep], axis=-1)
    now, before = (
        DIFFUSE + (1 - DIFFUSE) * np.clip(part @ light, 0, None) for part in (turned, normal)
    )
    return (1 + _soft(x, y) * (now / before - 1)).astype(np.float32)


def head(
    picture: Pixels,
    pose: Pose,
    light: Map | None = None,
    tip: tuple[float, float] = TIP,
) -> Pixels:
    """The head turned: each pixel is looked up where it was, by eight steps towards the answer.

    `light`: of `lamp`; without one, the face is as bright wherever it is turned. `tip`: of the
    nose, see `tip_of`.
    """
    x, y = _grid()
    yaw, pitch = np.radians(pose.yaw), np.radians(pose.pitch)
    from_x, from_y = x.copy(), y.copy()
    for _step in range(8):
        z = _depth(from_x, from_y, tip)
        soft = _soft(from_x, from_y)
        turned_x = from_x * np.cos(yaw) + z * np.sin(yaw)
        deep = -from_x * np.sin(yaw) + z * np.cos(yaw)
        below = from_y - CENTRE
        turned_y = CENTRE + below * np.cos(pitch) + deep * np.sin(pitch)
        from_x = from_x + 0.8 * (x - (from_x + soft * (turned_x - from_x)))
        from_y = from_y + 0.8 * (y - (from_y + soft * (turned_y - from_y)))
    turned = _looked_up(picture, from_x, from_y)
    if light is not None:
        lit = cv2.resize(_lit(from_x, from_y, yaw, pitch, light, tip), turned.shape[:2])
        turned = (turned * lit[..., None]).clip(0, 255).astype(np.uint8)
    return _held(turned, pose)


def _held(picture: Pixels, pose: Pose) -> Pixels:
    matrix = cv2.getRotationMatrix2D(MIDDLE, -pose.roll, pose.zoom)
    matrix[:, 2] += pose.moved
    return cv2.warpAffine(
        picture, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def sheet(
    picture: Pixels,
    pose: Pose,
    background: Pixels,
    *,
    bend: float = 0.0,
    fold: float = 0.0,
    outline: Pixels | None = None,
) -> Pixels:
    """The picture on a sheet that is tilted before a camera 6 eye distances away.

    `bend`: 1 over the radius of a cylinder about the upright axis, in eye distances; 0 is flat.
    `fold`: degrees by which both sides are folded back along the nose.
    `outline`: what of the picture there is, the rest is cut away.
    """
    x, y = _grid()
    yaw, pitch = np.radians(pose.yaw), np.radians(pose.pitch)
    far = 6.0
    from_x, from_y = x.copy(), y.copy()
    for _step in range(12):
        if bend:
            angle = np.clip(from_x * bend, -1.2, 1.2)
            flat_x, z = np.sin(angle) / bend, (np.cos(angle) - 1) / bend
        else:
            side = np.radians(fold)
            flat_x, z = from_x * np.cos(side), -np.abs(from_x) * np.sin(side)
        turned_x = flat_x * np.cos(yaw) + z * np.sin(yaw)
        deep = -flat_x * np.sin(yaw) + z * np.cos(yaw)
        turned_y = from_y * np.cos(pitch) + deep * np.sin(pitch)
        deep = -from_y * np.sin(pitch) + deep * np.cos(pitch)
        scale = far / np.clip(far - deep, 1.0, None)
        from_x = from_x + 0.7 * (x - turned_x * scale)
        from_y = from_y + 0.7 * (y - turned_y * scale)
    shown = _looked_up(picture, from_x, from_y)
    whole = np.full(picture.shape[:2], 255, np.uint8) if outline is None else outline
    there = _looked_up(whole, from_x, from_y, border=cv2.BORDER_CONSTANT)
    share = (there.astype(np.float32) / 255)[..., None]
    return _held((share * shown + (1 - share) * background).astype(np.uint8), pose)


def oval() -> Pixels:
    """The outline of a face that was cut out of a print."""
    outline = np.zeros((SIDE, SIDE), np.uint8)
    middle = (int(MIDDLE[0]), int(MIDDLE[1] + 0.35 * EYES))
    cv2.ellipse(outline, middle, (int(0.95 * EYES), int(1.35 * EYES)), 0, 0, 360, 255, -1)
    return outline


def moire(picture: Pixels, rng: np.random.Generator) -> Pixels:
    """The stripes of one grid before another, and a screen's gamma."""
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    angle, period = rng.uniform(0, np.pi), rng.uniform(5, 14)
    wave = np.sin(2 * np.pi * (columns * np.cos(angle) + rows * np.sin(angle)) / period)
    bright = (picture / 255.0) ** rng.uniform(0.8, 1.3) * (1 + 0.06 * wave[..., None])
    return (bright.clip(0, 1) * 255).astype(np.uint8)


def printed(picture: Pixels, rng: np.random.Generator) -> Pixels:
    """Less contrast and a cast of colour."""
    paper = picture.astype(np.float32) * rng.uniform(0.75, 0.95) + rng.uniform(8, 30)
    return (paper * rng.uniform(0.95, 1.05, 3)).clip(0, 255).astype(np.uint8)


def filmed(picture: Pixels, rng: np.random.Generator) -> Pixels:
    """As a phone's camera sends it: light, blur, noise, JPEG."""
    sigma = rng.uniform(0.3, 1.1)
    seen = cv2.GaussianBlur(picture, (0, 0), sigma).astype(np.float32) * rng.uniform(0.85, 1.15)
    seen = (seen + rng.normal(0, 4, seen.shape)).clip(0, 255).astype(np.uint8)
    _done, jpeg = cv2.imencode(".jpg", seen[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    return cv2.imdecode(jpeg, cv2.IMREAD_COLOR)[..., ::-1].copy()


def saved_anew(picture: Pixels, rng: np.random.Generator) -> Pixels:
    """The same picture once more: another size, light and quality."""
    side = int(SIDE * rng.uniform(0.7, 1.2))
    seen = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
    seen = (seen.astype(np.float32) * rng.uniform(0.9, 1.1)).clip(0, 255).astype(np.uint8)
    quality = int(rng.integers(60, 95))
    _done, jpeg = cv2.imencode(".jpg", seen[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(jpeg, cv2.IMREAD_COLOR)[..., ::-1].copy()
