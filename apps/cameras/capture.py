"""Frames of a camera, a video, or a folder of images. Imports OpenCV.

Live sources are read by a thread of their own that keeps the newest frames alone, and opens them
again, later each time, when no picture comes.
"""

import logging
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import cv2
import numpy as np

from apps.biometrics.engines import Pixels
from apps.biometrics.images import ImageRefused, read_photo

logger = logging.getLogger(__name__)

LIVE: Final = ("rtsp", "rtsps", "http", "https")
IMAGES: Final = (".jpg", ".jpeg", ".png", ".webp")
FRAME_SIDE: Final = 1920  # pixels of images of a folder; larger ones are made smaller
KEPT_FRAMES: Final = 2  # of a live source, while the one before is looked at
OPEN_MS, READ_MS = 10_000, 10_000
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0  # seconds before a source is opened again


class SourceRefused(ValueError):
    """There is nothing to watch at this address; the message says what to do."""


@dataclass(frozen=True, kw_only=True)
class Frame:
    """`at`: seconds since the source began."""

    pixels: Pixels
    at: float


class Source(Protocol):
    """`is_live`: frames that are not taken in time are gone, and counted by `dropped`."""

    is_live: bool
    dropped: int

    def frames(self) -> Iterator[Frame]: ...

    def close(self) -> None: ...


class Capture(Protocol):
    """What is used of `cv2.VideoCapture`."""

    def isOpened(self) -> bool: ...  # noqa: N802

    def grab(self) -> bool: ...

    def retrieve(self) -> tuple[bool, Any]: ...

    def get(self, prop: int) -> float: ...

    def release(self) -> None: ...


Open = Callable[[str], Capture]
Told = Callable[[str, str], None]
"""Called with `connected` or `lost`, and words for the log."""


def source_of(text: str, *, every: int, told: Told) -> Source:
    """What is behind an address, a file or a folder; raises `SourceRefused`."""
    try:
        parts = urlsplit(text)
        scheme, _port = parts.scheme.lower(), parts.port
    except ValueError as error:
        raise SourceRefused("The host or port of this address cannot be read.") from error
    if scheme in LIVE:
        return LiveFrames(text, every=every, told=told)
    if re.match(r"[a-z][a-z0-9+.-]+://", text, re.IGNORECASE):
        raise SourceRefused(f"{scheme}: is no source. Use rtsp, rtsps, http, https, or a path.")
    path = Path(text)
    if path.is_dir():
        return FolderFrames(path, every=every)
    if path.is_file():
        return VideoFrames(path, every=every)
    raise SourceRefused(f"There is no file or folder {text}.")


def shown(text: str) -> str:
    """An address for logs: without name, password and what follows the host."""
    parts = urlsplit(text)
    if parts.scheme.lower() not in LIVE:
        return Path(text).name
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname or ''}{port}"


def open_capture(text: str) -> Capture:
    """By FFmpeg, which gives up after ten seconds."""
    limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, READ_MS]
    return cv2.VideoCapture(text, cv2.CAP_FFMPEG, limits)


def _rgb(picture: Any) -> Pixels:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)


class FolderFrames:
    """Images by name, one a second; what is no image is left out with a line in the log."""

    is_live = False
    dropped = 0

    def __init__(self, path: Path, *, every: int) -> None:
        names = sorted(p for p in path.iterdir() if p.suffix.lower() in IMAGES)
        self._paths = names[::every]
        self._every = every
        self._stopped = False
        if not self._paths:
            raise SourceRefused(f"There is no JPEG, PNG or WebP in the folder {path}.")

    def frames(self) -> Iterator[Frame]:
        for place, path in enumerate(self._paths):
            if self._stopped:
                return
            try:
                photo = read_photo(path.read_bytes(), max_side=FRAME_SIDE)
            except (ImageRefused, OSError) as error:
                logger.warning("%s is left out: %s", path.name, error)
                continue
            yield Frame(pixels=photo.pixels(), at=float(place * self._every))

    def close(self) -> None:
        self._stopped = True


class VideoFrames:
    """Every n-th frame of a file; the others are not decoded to pictures."""

    is_live = False
    dropped = 0

    def __init__(self, path: Path, *, every: int, open_: Open = open_capture) -> None:
        self._capture = open_(str(path))
        self._every = every
        self._stopped = False
        if not self._capture.isOpened():
            self._capture.release()
            raise SourceRefused(f"{path} is no video that can be read.")

    def frames(self) -> Iterator[Frame]:
        rate = self._capture.get(cv2.CAP_PROP_FPS) or 25.0
        number = 0
        try:
            while not self._stopped and self._capture.grab():
                if number % self._every == 0:
                    read, picture = self._capture.retrieve()
                    if read and picture is not None:
                        yield Frame(pixels=_rgb(picture), at=number / rate)
                number += 1
        finally:
            self._capture.release()

    def close(self) -> None:
        self._stopped = True


class LiveFrames:
    """The newest frames of a stream. `dropped` counts those that nobody took in time."""

    is_live = True

    def __init__(
        self,
        address: str,
        *,
        every: int,
        told: Told,
        open_: Open = open_capture,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.dropped = 0
        self._address, self._every, self._told = address, every, told
        self._open, self._clock = open_, clock
        self._newest: deque[Frame] = deque()
        self._changed = threading.Condition()
        self._stopped = threading.Event()
        self._began = clock()

    def frames(self) -> Iterator[Frame]:
        reader = threading.Thread(target=self._read_for_ever, daemon=True, name="camera")
        reader.start()
        while True:
            with self._changed:
                while not self._newest and not self._stopped.is_set():
                    self._changed.wait(0.5)
                if self._stopped.is_set():
                    return
                frame = self._newest.popleft()
            yield frame

    def close(self) -> None:
        self._stopped.set()
        with self._changed:
            self._changed.notify_all()

    def _read_for_ever(self) -> None:
        wait = FIRST_WAIT
        while not self._stopped.is_set():
            try:
                taken = self._read_until_lost()
            except Exception:
                logger.exception("The source %s failed.", shown(self._address))
                taken = 0
            if self._stopped.is_set():
                return
            wait = FIRST_WAIT if taken else min(2 * wait, LONGEST_WAIT)
            self._told("lost", f"{shown(self._address)}: no picture; again in {wait:.0f} s")
            self._stopped.wait(wait)

    def _read_until_lost(self) -> int:
        """How many frames came."""
        capture = self._open(self._address)
        try:
            if not capture.isOpened():
                return 0
            self._told("connected", shown(self._address))
            number = 0
            while not self._stopped.is_set() and capture.grab():
                if number % self._every == 0:
                    read, picture = capture.retrieve()
                    if read and picture is not None:
                        self._keep(Frame(pixels=_rgb(picture), at=self._clock() - self._began))
                number += 1
            return number
        finally:
            capture.release()

    def _keep(self, frame: Frame) -> None:
        with self._changed:
            while len(self._newest) >= KEPT_FRAMES:
                self._newest.popleft()
                self.dropped += 1
            self._newest.append(frame)
            self._changed.notify()
