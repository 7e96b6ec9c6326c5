"""Reads the projector's QR code off its SVG, module by module, as a camera would."""

import re
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

VIEW_BOX: Final = re.compile(r'viewBox="0 0 (\d+) (\d+)"')
STROKES: Final = re.compile(r'stroke="[^"]*" d="([^"]+)"')
STEP: Final = re.compile(r"([Mmh])\s*(-?[\d.]+)(?:[ ,]?(-?[\d.]+))?")
SCALES: Final = (8, 5, 12)  # pixels a module; OpenCV misses some codes at one size and not another


class UnreadableCode(ValueError):
    """There is no QR code in this picture."""


def modules(svg: str) -> NDArray[np.uint8]:
    """The picture with one pixel a module: 0 dark, 255 light, the quiet zone included.

    Each horizontal stroke (`h`) is a run of dark modules; moves (`M`, `m`) go to the next run.
    """
    box, strokes = VIEW_BOX.search(svg), STROKES.search(svg)
    if box is None or strokes is None:
        raise UnreadableCode("not the SVG of a QR code")
    picture = np.full((int(box[2]), int(box[1])), 255, dtype=np.uint8)
    x = y = 0.0
    for command, first, second in STEP.findall(strokes[1]):
        if command == "h":
            picture[int(y), int(x) : int(x + float(first))] = 0
            x += float(first)
        elif command == "M":
            x, y = float(first), float(second)
        else:
            x, y = x + float(first), y + float(second or 0)
    return picture


def read_qr(svg: str) -> str:
    """The text of the QR code that this SVG shows; raises `UnreadableCode`."""
    picture = modules(svg)
    for scale in SCALES:
        enlarged = np.kron(picture, np.ones((scale, scale), dtype=np.uint8))
        for detector in (cv2.QRCodeDetector(), cv2.QRCodeDetectorAruco()):
            text = detector.detectAndDecode(enlarged)[0]
            if text:
                return str(text)
    raise UnreadableCode("no QR code was found in the picture")
