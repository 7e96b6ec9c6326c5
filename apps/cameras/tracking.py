"""Which face of a frame is which of the one before: by overlap, else by likeness.

Who stands where somebody else stood a moment ago is looked at again: at a door people follow each
other.

A person makes one sighting, and the next one when the seconds of the camera are over.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from apps.biometrics.engines import Face, Vectors
from apps.biometrics.engines.base import Pixels

SAME_PLACE: Final = 0.3  # shared over joined area
SAME_FACE: Final = 0.5  # cosine distance, for who comes back or moved far between two frames
ANOTHER_FACE: Final = 0.65  # cosine distance, beyond which the same place is another person
CHECKED_EVERY: Final = 0.4  # seconds between two looks at whether it is
GONE_AFTER: Final = 10.0  # seconds without being seen
DOUBTED_AGAIN: Final = 1.0  # seconds until a doubtful face is compared again
MOST_TRACKS: Final = 200

Box = tuple[float, float, float, float]
Embed = Callable[[Pixels, list[Face]], Vectors]


@dataclass(eq=False)
class Track:
    """A person in view. Times are seconds of the source; `due_at`: when it makes a sighting."""

    box: Box
    seen_at: float
    due_at: float
    vector: np.ndarray | None = None
    checked_at: float = 0.0

    def answered(self, *, seconds: float, asked_at: float) -> None:
        """What it is was found out: it counts again so many seconds after it was asked."""
        self.due_at = asked_at + seconds


class Tracker:
    """The people in view of one camera, at most `MOST_TRACKS`."""

    def __init__(self) -> None:
        self.tracks: list[Track] = []

    def follow(
        self, faces: Sequence[Face], *, at: float, vector_of: Callable[[Face], np.ndarray | None]
    ) -> list[Track]:
        """The track of each face. `vector_of` embeds a face, None where it is not clear enough; it
        is called for those that overlap with nobody, for those that are due, and now and then."""
        self.tracks = [one for one in self.tracks if at - one.seen_at <= GONE_AFTER]
        free = list(self.tracks)
        found: list[Track] = []
        for face in faces:
            track = _overlapping(face.box, free)
            if track is None or self._is_another(track, face, at, vector_of):
                track = self._returned(vector_of(face), free) or self._new(at)
            if track in free:
                free.remove(track)
            track.box, track.seen_at = face.box, at
            if track.due_at <= at:
                vector = vector_of(face)
                if vector is not None:
                    track.vector, track.checked_at = vector, at
            found.append(track)
        return found

    @staticmethod
    def _is_another(
        track: Track, face: Face, at: float, vector_of: Callable[[Face], np.ndarray | None]
    ) -> bool:
        """Whether somebody else has taken this place since it was looked at."""
        if track.vector is None or at - track.checked_at < CHECKED_EVERY:
            return False
        vector, track.checked_at = vector_of(face), at
        return vector is not None and 1.0 - float(np.dot(vector, track.vector)) > ANOTHER_FACE

    def _returned(self, vector: np.ndarray | None, free: list[Track]) -> Track | None:
        known = [track for track in free if track.vector is not None]
        if vector is None or not known:
            return None
        near = [1.0 - float(np.dot(vector, track.vector)) for track in known]  # type: ignore[arg-type]
        place = int(np.argmin(near))
        return known[place] if near[place] <= SAME_FACE else None

    def _new(self, at: float) -> Track:
        track = Track(box=(0, 0, 0, 0), seen_at=at, due_at=at)
        if len(self.tracks) >= MOST_TRACKS:  # whoever was seen longest ago
            self.tracks.remove(min(self.tracks, key=lambda each: each.seen_at))
        self.tracks.append(track)
        return track


def _overlapping(box: Box, tracks: Sequence[Track]) -> Track | None:
    shares = [(overlap(box, track.box), place) for place, track in enumerate(tracks)]
    share, place = max(shares, default=(0.0, 0))
    return tracks[place] if share >= SAME_PLACE else None


def overlap(one: Box, other: Box) -> float:
    """Shared area over joined area of two boxes (left, top, width, height), 0..1."""
    left, top = max(one[0], other[0]), max(one[1], other[1])
    right = min(one[0] + one[2], other[0] + other[2])
    bottom = min(one[1] + one[3], other[1] + other[3])
    shared = max(0.0, right - left) * max(0.0, bottom - top)
    joined = one[2] * one[3] + other[2] * other[3] - shared
    return shared / joined if joined > 0 else 0.0
