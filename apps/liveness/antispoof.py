"""A second opinion about single frames: two small networks that tell faces from pictures of faces.

Silent-Face-Anti-Spoofing (Minivision, Apache-2.0), as the ONNX files that deepface names: crops of
2.7 and 4 times the face's box, 80 x 80 pixels, three classes of which the second is a live face.
They come with no package and are asked only where an operator has fetched them. Measured on 200
photos against simulated pictures of them, they let 37 to 57 % of the pictures pass where 5 % of
live faces do not: too often wrong to decide anything.

Workers only: it needs OpenCV.
"""

import json
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from apps.biometrics.engines.base import Face, Pixels
from apps.biometrics.engines.runtime import single_threaded_session
from apps.biometrics.weights.catalogue import WeightFile, WeightsError
from apps.biometrics.weights.sources import open_source
from apps.biometrics.weights.store import Report, install, verified_path, weights_dir

FILES: Final = {"2.7_80x80_MiniFASNetV2.onnx": 2.7, "4_0_0_80x80_MiniFASNetV1SE.onnx": 4.0}
"""Names of the files, and how many times as large as the face's box what they look at is."""
HASHES: Final = "antispoof.json"  # SHA-256 by name of file, as the operator gave them
SIDE: Final = 80
LIVE: Final = 1  # of the three classes


class Antispoof:
    """Both networks; made by `antispoof_in`."""

    def __init__(self, weights: Sequence[Path]) -> None:
        self._networks = [
            (single_threaded_session(path), zoom)
            for path, zoom in zip(weights, FILES.values(), strict=True)
        ]

    def live_share(self, image: Pixels, face: Face) -> float:
        """How far an RGB image shows a live face, from 0 (a picture of one) to 1."""
        shares = []
        for session, zoom in self._networks:
            pixels = part_of(image, face, zoom)[None, ..., ::-1].astype(np.float32)  # BGR, 0..255
            given = {session.get_inputs()[0].name: np.ascontiguousarray(pixels)}
            shares.append(float(session.run(None, given)[0][0][LIVE]))
        return sum(shares) / len(shares)


def part_of(image: Pixels, face: Face, zoom: float) -> Pixels:
    """The box of the face enlarged so many times, as far as the image reaches, moved inside it."""
    height, width = image.shape[:2]
    left, top, across, down = face.box
    zoom = min((height - 1) / down, (width - 1) / across, zoom)
    across_half, down_half = across * zoom / 2, down * zoom / 2
    x = min(max(left + across / 2, across_half), width - 1 - across_half)
    y = min(max(top + down / 2, down_half), height - 1 - down_half)
    rows = slice(max(int(y - down_half), 0), int(y + down_half) + 1)
    columns = slice(max(int(x - across_half), 0), int(x + across_half) + 1)
    return np.asarray(cv2.resize(image[rows, columns], (SIDE, SIDE)), dtype=np.uint8)


def _files(hashes: Sequence[str]) -> tuple[WeightFile, ...]:
    return tuple(
        WeightFile(
            published_name=name,
            published_sha256=sha256,
            zoo_folder="antispoof",
            installed_name=name,
            installed_sha256=sha256,
        )
        for name, sha256 in zip(FILES, hashes, strict=True)
    )


def antispoof_install(
    origin: str, *, hashes: Sequence[str], models_dir: Path, report: Report
) -> list[Path]:
    """Both files from a folder or an http(s) address, which have these SHA-256 in the order of
    `FILES`. Raises `WeightsError`, and then keeps what was there before."""
    with open_source(origin) as source:
        written = install(source, models_dir=models_dir, report=report, catalogue=_files(hashes))
    noted = weights_dir(models_dir) / HASHES
    beside = noted.with_suffix(".new")
    beside.write_text(json.dumps(dict(zip(FILES, hashes, strict=True))), encoding="utf-8")
    os.replace(beside, noted)
    return written


def antispoof_in(models_dir: Path) -> Antispoof | None:
    """The networks that are installed there, loaded once per process; None where none are.

    Raises `WeightsError` where a file is not the one that was installed.
    """
    noted = weights_dir(models_dir) / HASHES
    try:
        known: dict[str, Any] = json.loads(noted.read_text(encoding="utf-8"))
        hashes = tuple(str(known[name]) for name in FILES)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{noted} cannot be read. Run: manage.py fetch_models") from error
    return _loaded(models_dir, hashes)


@cache
def _loaded(models_dir: Path, hashes: tuple[str, ...]) -> Antispoof:
    return Antispoof([verified_path(models_dir, file) for file in _files(hashes)])
