"""Decides whether a photo is good enough to learn a face from, or to compare with.

Workers only: it needs OpenCV. The limits were set on 99 people x 4 photos of LFW, one of the four
made worse step by step; "true accepts" is how often it still matched the other three at a cosine
distance of 0.583 (98.3 % untouched).
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from apps.biometrics.engines.alignment import aligned_chip
from apps.biometrics.engines.base import Face, Pixels


class QualityReason(StrEnum):
    """Why a photo was refused; a photo can have several reasons."""

    NO_FACE = "no_face"
    SEVERAL_FACES = "several_faces"
    FACE_TOO_SMALL = "face_too_small"
    TOO_BLURRED = "too_blurred"
    TOO_DARK = "too_dark"
    TOO_BRIGHT = "too_bright"
    TURNED_AWAY = "turned_away"
    COVERED = "covered"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Gate:
    """The limits of one use; a value on the limit passes."""

    rival_share: float
    """A second face refuses the photo from this share of the main face's prominence, 0..1."""
    min_side: float  # pixels of the face box's shorter side
    min_sharpness: float
    min_brightness: float  # mean grey of the aligned face, 0..255
    max_brightness: float
    max_turn: float
    nod: tuple[float, float]
    min_score: float  # the detector's confidence, 0..1
    min_contrast: float  # of eyes and mouth, see `Measurements`


ENROLMENT: Final = Gate(
    # 97.6 % of 800 LFW photos pass, and none shows its main face wrongly; at 0: 82 %, at 0.2: 90 %
    rival_share=0.35,
    min_side=60,  # 67 px: 98.7 % true accepts; 48 px: 97.6 %
    min_sharpness=0.008,  # 0.5 % of LFW lies below 0.012; a blur of 2 px (0.007): 96.3 %
    min_brightness=40,  # 57: 98.3 %; 34: 96.0 %
    max_brightness=210,  # 173: 98.0 %; 206: 92.9 %
    max_turn=0.45,  # 0.9 % of LFW lies above
    nod=(0.38, 0.75),  # LFW's whole range is 0.40 to 0.70
    min_score=0.85,  # 1 % of LFW lies below 0.901
    min_contrast=0.15,  # 1 % of LFW lies below 0.21; a black bar over the eyes or a mask has 0.0
)
CHECK_IN: Final = Gate(
    rival_share=0.5,  # passers-by in the background are no hindrance
    min_side=40,  # 39 px: 96.6 %; 29 px: 93.9 %
    min_sharpness=0.004,  # a blur of 3 px (0.004): 88.9 %; of 4 px (0.003): 62.3 %
    min_brightness=20,  # 22: 94.9 %; 11: 75.8 %
    max_brightness=230,  # 227: 77.8 %
    max_turn=0.8,
    nod=(0.3, 0.85),
    min_score=0.0,
    min_contrast=0.0,
)


MISMATCH: Final = replace(ENROLMENT, rival_share=CHECK_IN.rival_share, min_score=0.9)
"""What a photo must be for a face that does not match to count as another one: a poor photo of the
right person often does not match either (at a blur of 3 px every ninth, with a black bar over the
eyes every second)."""


@dataclass(frozen=True, slots=True)
class Measurements:
    """What was seen of the main face."""

    faces: int  # in the whole photo
    rival: float  # prominence of the second face as a share of this one's, 0..1; 0 without any
    score: float  # the detector's confidence, 0..1
    side: float  # pixels
    sharpness: float  # variance of the Laplacian over the variance of the grey values
    brightness: float  # mean grey, 0..255
    turn: float
    """Nose tip beside the middle of the eyes, in eye distances: 0 frontal, beyond 0.5 in profile;
    positive towards the left eye of the person."""
    nod: float
    """Nose tip between the eyes (0) and the mouth (1); about 0.56 looking straight ahead."""
    tilt: float
    """Degrees of the eye line in the image; YuNet shows about two thirds of it. No reason to
    refuse: at 30 degrees a portrait stays within 0.08 of itself."""
    contrast: float
    """Least spread of the grey values around an eye or the mouth, as a share of the whole face's:
    about 0.5; near 0 where something of one colour covers them."""


@dataclass(frozen=True, slots=True)
class Assessment:
    face: Face | None  # the main one, to embed; None without any
    measurements: Measurements | None
    reasons: tuple[QualityReason, ...]

    @property
    def passed(self) -> bool:
        return not self.reasons


def assess(image: Pixels, faces: list[Face], gate: Gate) -> Assessment:
    """Judge the main face of an RGB image by a gate; `faces` in any order."""
    if not faces:
        return Assessment(face=None, measurements=None, reasons=(QualityReason.NO_FACE,))
    faces = by_prominence(image, faces)
    measured = measure(image, faces)
    return Assessment(face=faces[0], measurements=measured, reasons=failings(measured, gate))


def failings(measured: Measurements, gate: Gate) -> tuple[QualityReason, ...]:
    """Why a photo that was measured does not pass a gate."""
    failed = {
        QualityReason.SEVERAL_FACES: measured.rival >= gate.rival_share,
        QualityReason.FACE_TOO_SMALL: measured.side < gate.min_side,
        QualityReason.TOO_BLURRED: measured.sharpness < gate.min_sharpness,
        QualityReason.TOO_DARK: measured.brightness < gate.min_brightness,
        QualityReason.TOO_BRIGHT: measured.brightness > gate.max_brightness,
        QualityReason.TURNED_AWAY: _is_turned(measured, gate),
        QualityReason.COVERED: measured.contrast < gate.min_contrast,
        QualityReason.UNCLEAR: measured.score < gate.min_score,
    }
    return tuple(reason for reason, is_failed in failed.items() if is_failed)


def by_prominence(image: Pixels, faces: list[Face]) -> list[Face]:
    """The faces, the one that the photo is of first: large, and near its middle."""
    return sorted(faces, key=lambda face: prominence(image, face), reverse=True)


def prominence(image: Pixels, face: Face) -> float:
    """Area of the box in square pixels, times the share of the way from a corner to the middle.

    By area alone, 2 of 800 LFW photos were taken for somebody else's, by this none.
    """
    height, width = image.shape[:2]
    left, top, across, down = face.box
    beside = (left + across / 2) / width * 2 - 1
    below = (top + down / 2) / height * 2 - 1
    return face.area * max(0.0, 1 - float(np.hypot(beside, below)) / float(np.sqrt(2)))


def measure(image: Pixels, faces: list[Face]) -> Measurements:
    """Measure the first of at least one face; `faces` as `by_prominence` orders them."""
    face = faces[0]
    grey = np.asarray(cv2.cvtColor(aligned_chip(image, face), cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    turn, nod, tilt = _pose(face)
    return Measurements(
        faces=len(faces),
        rival=_rival(image, faces),
        score=face.score,
        side=face.side,
        sharpness=float(cv2.Laplacian(grey, cv2.CV_64F).var() / max(float(grey.var()), 1.0)),
        brightness=float(grey.mean()),
        turn=turn,
        nod=nod,
        tilt=tilt,
        contrast=_contrast(grey),
    )


def _rival(image: Pixels, faces: list[Face]) -> float:
    main, *others = (prominence(image, face) for face in faces)
    return others[0] / main if others and main > 0 else float(bool(others))


# Middle, half width and half height in the aligned face, in pixels: both eyes, the mouth.
_FEATURES: Final = ((38, 52, 9, 6), (74, 52, 9, 6), (56, 92, 14, 6))


def _contrast(grey: NDArray[np.uint8]) -> float:
    """See `Measurements.contrast`; of the aligned face in grey values."""
    parts = [grey[y - down : y + down, x - across : x + across] for x, y, across, down in _FEATURES]
    return min(float(part.std()) for part in parts) / max(float(grey.std()), 1.0)


def _is_turned(measured: Measurements, gate: Gate) -> bool:
    low, high = gate.nod
    return abs(measured.turn) > gate.max_turn or not low <= measured.nod <= high


def _pose(face: Face) -> tuple[float, float, float]:
    """Turn and nod (see `Measurements`) and tilt in degrees, from the five landmarks.

    The sign of the turn agreed with a 68-point pose on 97 % of faces turned beyond 20 degrees.
    """
    right_eye, left_eye, nose, *mouth = np.asarray(face.landmarks, dtype=np.float64)
    eyes, lips = (right_eye + left_eye) / 2, (mouth[0] + mouth[1]) / 2
    across = left_eye - right_eye
    distance = max(float(np.hypot(*across)), 1.0)  # eyes on one spot: a face seen from the side
    across = across / distance
    down = np.array([-across[1], across[0]])
    height = float((lips - eyes) @ down)
    nod = float((nose - eyes) @ down) / height if height > 0 else 0.0
    turn = float((nose - eyes) @ across) / distance
    return turn, nod, float(np.degrees(np.arctan2(across[1], across[0])))
