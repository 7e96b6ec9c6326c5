"""Watching one camera: frames are looked at in one thread, what was seen is written by another.

Nothing that goes wrong behind the loop stops it: what cannot be written waits in a bounded queue,
and what does not fit any more is counted and forgotten.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

import numpy as np
from django.db import InterfaceError, OperationalError, close_old_connections, connections

from apps.biometrics.engines import Engine, Face
from apps.biometrics.models import FaceModel
from apps.cameras.capture import Frame, Source
from apps.cameras.models import Camera
from apps.cameras.reading import FaceSighting
from apps.cameras.services.events import camera_label, log_system_event
from apps.cameras.services.frames import MODEL_CHANGED
from apps.cameras.services.sightings import (
    SightingAnswer,
    SightingResult,
    sightings_record,
)
from apps.cameras.tracking import DOUBTED_AGAIN, Track, Tracker
from apps.cameras.worker import MARGIN, capture_snapshot, detect_faces, quality_of
from apps.common.errors import Refused
from apps.common.measures import count, observe
from apps.tenants.scope import campus_scope

logger = logging.getLogger(__name__)

MOST_WAITING: Final = 256  # frames with sightings, while the database is away
FIRST_WAIT, LONGEST_WAIT = 1.0, 30.0  # seconds before a write is tried again
MOST_TRIES: Final = 3  # of a frame that cannot be written while the database answers
AWAY: Final = (OperationalError, InterfaceError, OSError)
REFUSED_TOLD: Final = 60.0  # seconds between two system events of one refusal


@dataclass(frozen=True, kw_only=True)
class SeenFrame:
    """What was seen in one frame, and has to be written."""

    faces: list[FaceSighting]
    tracks: list[Track]
    asked_at: float  # seconds of the source
    at: datetime
    taken: float  # by the monotonic clock


class Write(Protocol):
    def __call__(self, *, faces: list[FaceSighting], at: datetime) -> list[SightingAnswer]: ...


@dataclass
class WatchTotals:
    """What a run came to."""

    frames: int = 0
    faces: int = 0
    unclear: int = 0
    dropped_frames: int = 0
    dropped_sightings: int = 0
    results: dict[str, int] = field(default_factory=dict)
    refusals: dict[str, int] = field(default_factory=dict)

    def add(self, kind: dict[str, int], name: str) -> None:
        kind[name] = kind.get(name, 0) + 1


class Recorder:
    """The bounded queue before the database."""

    def __init__(
        self,
        *,
        camera: Camera,
        write: Write,
        told: Callable[[str, str], None],
        totals: WatchTotals,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._camera, self._write, self._told, self._totals = camera, write, told, totals
        self._clock = clock
        self._label = camera_label(camera)
        self._waiting: deque[SeenFrame] = deque()
        self._changed = threading.Condition()
        self._stopped = False
        self._wait, self._not_before, self._tries = FIRST_WAIT, 0.0, 0
        self._refused_at: dict[str, float] = {}
        self.is_outdated = False  # the campus compares with another model now

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, seen: SeenFrame) -> None:
        """Never waits: the oldest goes where the queue is full."""
        with self._changed:
            if len(self._waiting) >= MOST_WAITING:
                self._dropped(self._waiting.popleft())
                self._tries = 0
            self._waiting.append(seen)
            self._changed.notify()

    def work(self) -> bool:
        """Write the oldest, unless a failure before says to wait; whether anything was done."""
        if not self._waiting or self._clock() < self._not_before:
            return False
        seen = self._waiting[0]
        try:
            answers = self._write(faces=seen.faces, at=seen.at)
        except Refused as refusal:
            self._refused(refusal, seen)
        except Exception as error:
            logger.exception("Sightings could not be written; they wait.")
            count("campus_camera_failures", self._label, "write")
            self._tries += 1
            if self._tries < MOST_TRIES or isinstance(error, AWAY):
                self._not_before = self._clock() + self._wait
                self._wait = min(2 * self._wait, LONGEST_WAIT)
                return False
            self._dropped(seen)
        else:
            self._answered(seen, answers)
        self._wait, self._tries = FIRST_WAIT, 0
        with self._changed, suppress(IndexError):
            if self._waiting[0] is seen:  # else it was dropped meanwhile
                self._waiting.popleft()
        return True

    def _answered(self, seen: SeenFrame, answers: list[SightingAnswer]) -> None:
        observe("campus_camera_delay_seconds", self._clock() - seen.taken, self._label)
        seconds = {
            SightingResult.DOUBTFUL: DOUBTED_AGAIN,
            SightingResult.UNKNOWN: float(self._camera.unknown_seconds),
        }
        for track, answer in zip(seen.tracks, answers, strict=True):
            known = answer.student_id is not None
            default = self._camera.known_seconds if known else self._camera.unknown_seconds
            track.answered(
                seconds=seconds.get(answer.result, float(default)), asked_at=seen.asked_at
            )
            self._totals.add(self._totals.results, answer.result.value)

    def _refused(self, refusal: Refused, seen: SeenFrame) -> None:
        """Not to be tried again: it is not permitted, or nobody is there to be compared with."""
        self.is_outdated |= refusal.code == MODEL_CHANGED
        self._count("refused", len(seen.faces))
        self._totals.add(self._totals.refusals, refusal.code)
        for track in seen.tracks:
            track.answered(seconds=float(self._camera.known_seconds), asked_at=seen.asked_at)
        last = self._refused_at.get(refusal.code)
        if refusal.code != "no_session" and (last is None or self._clock() - last > REFUSED_TOLD):
            self._refused_at[refusal.code] = self._clock()
            self._told("refused", f"{refusal.code}: {refusal.message}")

    def _dropped(self, seen: SeenFrame) -> None:
        self._totals.dropped_sightings += len(seen.faces)
        self._count("dropped", len(seen.faces))

    def _count(self, result: str, amount: int) -> None:
        count("campus_camera_sightings", self._label, result, amount=float(amount))

    def run(self) -> None:
        """In a thread, until `stop`; then what can be written at once is."""
        while not self._stopped:
            if not self.work():
                with self._changed:
                    if not self._stopped:
                        self._changed.wait(0.2)
        self.finish()
        connections.close_all()

    def finish(self) -> None:
        while self.work():
            pass

    def give_up(self) -> None:
        """What could not be written until the end is lost, and counted."""
        left = sum(len(seen.faces) for seen in self._waiting)
        self._waiting.clear()
        if left:
            self._totals.dropped_sightings += left
            self._count("dropped", left)

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()


class Watcher:
    """The loop over the frames of one camera."""

    def __init__(
        self,
        *,
        camera: Camera,
        engine: Engine,
        recorder: Recorder,
        totals: WatchTotals,
        began: datetime,
        model: FaceModel | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`model` is the one of `engine`, the campus's without; `began`: when second 0 of the
        source was. A campus that goes over to another model refuses what is seen by this one.
        """
        self._camera, self._engine, self._recorder = camera, engine, recorder
        self._model = model
        self._totals, self._began, self._clock = totals, began, clock
        self.label = camera_label(camera)
        self._tracker = Tracker()

    def look(self, frame: Frame) -> int:
        """How many faces of it are to be written."""
        taken = self._clock()
        faces = detect_faces(self._engine, frame.pixels)
        vectors: dict[Face, np.ndarray | None] = {}

        def vector_of(face: Face) -> np.ndarray | None:
            if face not in vectors:
                clear = quality_of(frame.pixels, face).passed
                vectors[face] = self._engine.embed(frame.pixels, [face])[0] if clear else None
            return vectors[face]

        tracks = self._tracker.follow(faces, at=frame.at, vector_of=vector_of)
        due = [
            (face, track, vectors[face])
            for face, track in zip(faces, tracks, strict=True)
            if track.due_at <= frame.at and vectors.get(face) is not None
        ]
        self._count(len(faces), sum(vector is None for vector in vectors.values()))
        if not due:
            return 0
        for _face, track, _vector in due:  # until the answer says when
            track.due_at = frame.at + self._camera.unknown_seconds
        self._recorder.put(
            SeenFrame(
                faces=[self._sighting(frame, face, vector) for face, _track, vector in due],
                tracks=[track for _face, track, _vector in due],
                asked_at=frame.at,
                at=self._began + timedelta(seconds=frame.at),
                taken=taken,
            )
        )
        return len(due)

    def _sighting(self, frame: Frame, face: Face, vector: Any) -> FaceSighting:
        keeps = self._camera.keeps_snapshots
        snapshot = capture_snapshot(frame.pixels, face.box, margin=MARGIN) if keeps else None
        return FaceSighting(vector=vector, model=self._model, snapshot=snapshot)

    def _count(self, faces: int, unclear: int) -> None:
        self._totals.frames += 1
        self._totals.faces += faces
        self._totals.unclear += unclear
        count("campus_camera_frames", self.label, "analysed")
        if unclear:
            count("campus_camera_sightings", self.label, "unclear", amount=float(unclear))


def written_by(camera: Camera, *, now: Callable[[], datetime]) -> Write:
    """What the recorder calls: one transaction for each frame."""

    def write(*, faces: list[FaceSighting], at: datetime) -> list[SightingAnswer]:
        if not connections["default"].in_atomic_block:
            close_old_connections()  # one that broke is opened again
        with campus_scope(camera.campus_id):
            return sightings_record(camera=camera, faces=faces, at=at, now=now())

    return write


def tell(camera: Camera, *, now: Callable[[], datetime]) -> Callable[[str, str], None]:
    """Writes a system event; a database that is away is counted, and costs the event."""

    def told(event_type: str, details: str) -> None:
        logger.info("Camera %s: %s %s", camera.name, event_type, details)
        try:
            with campus_scope(camera.campus_id):
                log_system_event(event_type, at=now(), camera=camera, details=details)
        except Exception:
            logger.exception("An event of a camera could not be written.")
            count("campus_camera_failures", camera_label(camera), "system_event")
        if not connections["default"].in_atomic_block:
            connections["default"].close()  # of this thread, which speaks seldom

    return told


def watch(
    *, source: Source, watcher: Watcher, recorder: Recorder, totals: WatchTotals, apart: bool
) -> None:
    """Look at all frames, until the source ends or is closed, or nothing that is seen by this model
    counts any more. `apart`: write in a thread of its own; else between the frames."""
    writer = threading.Thread(target=recorder.run, daemon=True, name="recorder")
    if apart:
        writer.start()
    for frame in _counted(source, totals, watcher.label):
        try:
            watcher.look(frame)
        except Exception:
            logger.exception("A frame could not be looked at.")
            count("campus_camera_failures", watcher.label, "frame")
        if not apart:
            recorder.work()
        if recorder.is_outdated:
            source.close()
            break
    if apart:
        recorder.stop()
        writer.join(LONGEST_WAIT)
    else:
        recorder.finish()
    recorder.give_up()


def _counted(source: Source, totals: WatchTotals, label: str) -> Iterator[Frame]:
    """The frames, with those counted that a live source has dropped."""
    for frame in source.frames():
        new = source.dropped - totals.dropped_frames
        if new:
            totals.dropped_frames += new
            count("campus_camera_frames", label, "dropped", amount=float(new))
        yield frame
