"""Watching: a video marks the right students, and nothing behind the loop stops it."""

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from io import BytesIO, StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from PIL import Image

from apps.biometrics.engines import Engine, Face, Pixels
from apps.biometrics.images import read_photo
from apps.cameras.capture import KEPT_FRAMES, Frame, LiveFrames, shown
from apps.cameras.models import Camera, CameraEvent, CameraSystemEvent, UnknownPerson
from apps.cameras.reading import FaceSighting
from apps.cameras.services.sightings import SightingAnswer, SightingResult
from apps.cameras.tracking import GONE_AFTER, MOST_TRACKS, Tracker
from apps.cameras.watching import MOST_WAITING, Recorder, SeenFrame, WatchTotals, watch
from apps.cameras.worker import capture_snapshot, detect_faces, quality_of
from apps.common.errors import Refused
from apps.sessions.models import ClassSession
from tests.biometrics.support import enrol
from tests.cameras.support import film, permit_cameras, register, vector
from tests.factories import Cast


def jpeg_of(pixels: Pixels) -> bytes:
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=92)
    return read_photo(buffer.getvalue()).jpeg()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, now: datetime) -> datetime:
    """What the command reads: a minute after the lesson was opened."""
    moment = now + timedelta(minutes=1)
    monkeypatch.setattr("django.utils.timezone.now", lambda: moment)
    return moment


def command(camera: Camera, source: Path, at: datetime, *more: str) -> str:
    out = StringIO()
    call_command(
        "watch_camera",
        camera.name,
        str(source),
        *more,
        campus="north",
        starts_at=at.isoformat(),
        stdout=out,
    )
    return out.getvalue()


def test_a_video_of_a_student_marks_the_student_and_nobody_else(
    lesson: ClassSession,
    camera: Camera,
    in_campus: Cast,
    engine: Engine,
    astronaut: Pixels,
    now: datetime,
    tmp_path: Path,
    clock: datetime,
) -> None:
    """By the command, with the portrait that scikit-image ships."""
    assert enrol(in_campus.student, jpeg_of(astronaut), now).status == "accepted"
    video = film(tmp_path / "door.mp4", [astronaut], frames=40)
    said = command(camera, video, clock)
    assert register(lesson) == {in_campus.student.code: ("present", "camera")}
    [event] = CameraEvent.objects.all()
    assert (event.event_type, event.student) == ("recognized", in_campus.student)
    assert event.session == lesson
    assert 0.5 < (event.confidence or 0) <= 1
    assert event.image is not None
    assert f"/user_{in_campus.student.pk}/" in event.image.key
    assert "9 frames, 8 faces, recognized 1" in said
    told = CameraSystemEvent.objects.order_by("at", "pk")
    assert [row.event_type for row in told] == ["system_start", "system_stop"]


@pytest.mark.faces
def test_a_video_of_the_labelled_photos_leads_to_the_right_register(
    lesson: ClassSession,
    camera: Camera,
    in_campus: Cast,
    people: list[list[bytes]],
    now: datetime,
    tmp_path: Path,
    clock: datetime,
) -> None:
    """Two of three people are enrolled; the third one is nobody of the register."""
    first, second, stranger = people
    for student, photos in ((in_campus.student, first), (in_campus.classmate, second)):
        assert enrol(student, photos[0], now).status == "accepted"
    Camera.objects.update(keeps_unknown=True)
    shots = [read_photo(person[3]).pixels() for person in (second, stranger, first)]
    said = command(camera, film(tmp_path / "door.mp4", shots, frames=20), clock)
    assert register(lesson) == {
        in_campus.student.code: ("present", "camera"),
        in_campus.classmate.code: ("present", "camera"),
    }
    # The stranger, and whoever else is in the background of a photo.
    unknown = UnknownPerson.objects.select_related("image")
    assert 1 <= len(unknown) <= 2
    assert all(one.image is not None and "/unknown/" in one.image.key for one in unknown)
    assert "recognized 2, unknown" in said


def test_a_folder_of_images_is_watched_by_name_and_what_is_no_image_left_out(
    lesson: ClassSession,
    camera: Camera,
    in_campus: Cast,
    engine: Engine,
    astronaut: Pixels,
    now: datetime,
    tmp_path: Path,
    clock: datetime,
) -> None:
    assert enrol(in_campus.student, jpeg_of(astronaut), now).status == "accepted"
    for number in range(7):
        (tmp_path / f"{number}.jpg").write_bytes(jpeg_of(astronaut))
    (tmp_path / "3.jpg").write_bytes(b"no image")
    said = command(camera, tmp_path, clock, "--every", "1")
    # One image a second: seen at 0 and again from 5 on, as a person counts once in 5 seconds.
    assert "6 frames, 6 faces, recognized 2" in said
    assert CameraEvent.objects.filter(bulk__isnull=False).count() == 1


def test_the_command_says_what_is_missing(
    lesson: ClassSession, camera: Camera, engine: Engine, tmp_path: Path, now: datetime
) -> None:
    (tmp_path / "film.mp4").write_bytes(b"no film")
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"source": str(tmp_path / "none")}, "no file or folder"),
        ({"source": str(tmp_path)}, "no JPEG"),
        ({"source": str(tmp_path / "film.mp4")}, "no video"),
        ({"source": "ftp://camera/1"}, "ftp: is no source"),
        ({"source": "rtsp://name:word@camera:99999/1"}, "host or port"),
        ({"source": ""}, "Name a source"),
        ({"source": "x", "every": 0}, "1 to 250"),
        ({"source": "x", "starts_at": "noon"}, "--starts-at"),
        ({"source": "x", "camera": "Roof"}, "no such camera"),
    ]
    for options, words in wrong:
        values = {"camera": camera.name, "campus": "north", **options}
        name, source = values.pop("camera"), values.pop("source")
        with pytest.raises(CommandError, match=words):
            call_command("watch_camera", name, source, **values)
    permit_cameras(now, camera_notice="")
    with pytest.raises(CommandError, match="search_without_camera_notice"):
        call_command("watch_camera", camera.name, str(tmp_path), campus="north")


def test_addresses_are_shown_without_what_is_secret() -> None:
    assert shown("rtsp://name@10.0.0.7:554/stream?key=1") == "rtsp://10.0.0.7:554"
    assert shown("/films/door.mp4") == "door.mp4"


# --- The loop, without a database -----------------------------------------------------------------


def face(left: float, *, score: float = 0.95) -> Face:
    point = (left, 0.0)
    return Face(box=(left, 0, 50, 60), landmarks=(point,) * 5, score=score)


class TestTracking:
    def test_by_overlap_and_by_likeness(self) -> None:
        tracker = Tracker()
        [first] = tracker.follow([face(0)], at=0, vector_of=lambda _f: vector(1))
        first.due_at = 100
        asked: list[Face] = []

        def look(one: Face) -> np.ndarray:
            asked.append(one)
            return vector(1, away=0.1)

        assert tracker.follow([face(5)], at=0.2, vector_of=look) == [first]
        assert asked == []  # by overlap: nothing is embedded
        assert tracker.follow([face(400)], at=2, vector_of=look) == [first]
        [other] = tracker.follow([face(0)], at=3, vector_of=lambda _f: vector(2))
        assert other is not first

    def test_who_takes_another_s_place_is_another(self) -> None:
        tracker = Tracker()
        [first] = tracker.follow([face(0)], at=0, vector_of=lambda _f: vector(1))
        first.due_at = 100
        assert tracker.follow([face(2)], at=1, vector_of=lambda _f: vector(1)) == [first]
        [second] = tracker.follow([face(4)], at=2, vector_of=lambda _f: vector(2))
        assert second is not first
        assert second.due_at == 2  # and is due at once
        # The first one comes back into it, and is known.
        assert tracker.follow([face(6)], at=3, vector_of=lambda _f: vector(1)) == [first]

    def test_who_is_gone_is_forgotten_and_there_is_a_bound(self) -> None:
        tracker = Tracker()
        crowd = [face(100 * place) for place in range(MOST_TRACKS + 20)]
        tracker.follow(crowd, at=0, vector_of=lambda _f: None)
        assert len(tracker.tracks) == MOST_TRACKS
        tracker.follow([], at=GONE_AFTER + 1, vector_of=lambda _f: None)
        assert tracker.tracks == []


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class TestRecorder:
    @pytest.fixture
    def told(self) -> list[tuple[str, str]]:
        return []

    @pytest.fixture
    def recorder(self, told: list[tuple[str, str]]) -> Recorder:
        self.away: Exception | None = None
        self.written: list[datetime] = []
        self.clock, self.totals = Clock(), WatchTotals()

        def write(*, faces: list[FaceSighting], at: datetime) -> list[SightingAnswer]:
            if self.away:
                raise self.away
            self.written.append(at)
            return [SightingAnswer(result=SightingResult.UNKNOWN) for _face in faces]

        return Recorder(
            camera=Camera(pk=1, campus_id=1, name="Door"),
            write=write,
            told=lambda kind, words: told.append((kind, words)),
            totals=self.totals,
            clock=self.clock,
        )

    def seen(self, now: datetime, number: int = 0) -> SeenFrame:
        at = now + timedelta(seconds=number)
        sighting = FaceSighting(vector=vector(1))
        [track] = Tracker().follow([face(0)], at=0, vector_of=lambda _f: vector(1))
        return SeenFrame(faces=[sighting], tracks=[track], asked_at=0.0, at=at, taken=0.0)

    def test_a_database_that_is_away_costs_the_oldest_and_stops_nothing(
        self, recorder: Recorder, now: datetime
    ) -> None:
        self.away = OperationalError("PostgreSQL did not answer.")
        for number in range(MOST_WAITING + 10):
            recorder.put(self.seen(now, number))
            recorder.work()
        assert (len(recorder), self.totals.dropped_sightings) == (MOST_WAITING, 10)
        self.away = None
        assert recorder.work() is False  # it waits a second before it tries again
        self.clock.now += 60
        recorder.finish()
        assert len(recorder) == 0
        assert self.written[0] == now + timedelta(seconds=10)
        assert len(self.written) == MOST_WAITING

    def test_what_can_never_be_written_is_dropped_and_the_rest_is(
        self, recorder: Recorder, now: datetime
    ) -> None:
        recorder.put(self.seen(now, 0))
        recorder.put(self.seen(now, 1))
        self.away = ValueError("An odd picture.")
        tried = [recorder.work()]
        while len(recorder) == 2 and len(tried) < 10:
            self.clock.now += 60
            tried.append(recorder.work())
        assert (tried, self.totals.dropped_sightings) == ([False, False, True], 1)
        self.away = None
        assert recorder.work() is True
        assert self.written == [now + timedelta(seconds=1)]

    def test_a_refusal_is_said_once_a_minute_and_not_tried_again(
        self, recorder: Recorder, told: list[tuple[str, str]], now: datetime
    ) -> None:
        self.away = Refused("search_withdrawn", "Switched off.", status=403)
        for number in range(3):
            recorder.put(self.seen(now, number))
        recorder.finish()
        assert len(recorder) == 0
        assert told == [("refused", "search_withdrawn: Switched off.")]
        assert self.totals.refusals == {"search_withdrawn": 3}

    def test_it_ends_when_the_campus_has_another_model(
        self, recorder: Recorder, now: datetime
    ) -> None:
        """What it sees would be refused until somebody noticed; a service starts it again."""
        looked: list[float] = []

        class Endless:
            is_live, dropped, is_closed = True, 0, False

            def frames(self) -> Iterator[Frame]:
                for number in range(100):
                    yield Frame(pixels=np.zeros((40, 40, 3), np.uint8), at=float(number))

            def close(self) -> None:
                self.is_closed = True

        watcher: Any = SimpleNamespace(label="1/1", look=lambda frame: looked.append(frame.at))
        source = Endless()
        self.away = Refused("model_changed", "Another model.")
        recorder.put(self.seen(now))
        watch(source=source, watcher=watcher, recorder=recorder, totals=self.totals, apart=False)
        assert (looked, source.is_closed, recorder.is_outdated) == ([0.0], True, True)

    def test_what_is_left_at_the_end_is_counted(self, recorder: Recorder, now: datetime) -> None:
        self.away = OperationalError()
        recorder.put(self.seen(now))
        recorder.finish()
        recorder.give_up()
        assert self.totals.dropped_sightings == 1


class Stream:
    """What `cv2.VideoCapture` offers, of so many frames."""

    def __init__(self, frames: int) -> None:
        self.left = frames

    def isOpened(self) -> bool:  # noqa: N802
        return self.left > 0

    def grab(self) -> bool:
        self.left -= 1
        return self.left >= 0

    def retrieve(self) -> tuple[bool, Any]:
        return True, np.zeros((40, 40, 3), np.uint8)

    def get(self, prop: int) -> float:
        return 25.0

    def release(self) -> None:
        pass


def test_a_live_source_connects_again_and_keeps_only_the_newest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("apps.cameras.capture.FIRST_WAIT", 0.001)
    streams = iter([Stream(50), Stream(0), Stream(30)])
    ended, told = threading.Event(), []

    def opened(_address: str) -> Stream:
        found = next(streams, None)
        if found is None:
            ended.set()
            source.close()
            return Stream(0)
        return found

    source = LiveFrames(
        "rtsp://a:b@camera/1", every=2, told=lambda *words: told.append(words), open_=opened
    )
    taken = source.frames()
    first = next(taken)
    assert isinstance(first, Frame)
    assert ended.wait(10)
    assert len(list(taken)) <= KEPT_FRAMES
    kinds = [kind for kind, _words in told]
    assert kinds[:4] == ["connected", "lost", "lost", "connected"]
    assert all("a:b" not in words for _kind, words in told)
    assert source.dropped >= 40 - 2 * KEPT_FRAMES - 1


def test_the_loop_goes_on_when_a_frame_cannot_be_looked_at(now: datetime) -> None:
    """With the writer in a thread of its own, as for live sources."""
    looked: list[float] = []

    class Broken:
        label = "1/1"

        def look(self, frame: Frame) -> int:
            looked.append(frame.at)
            raise RuntimeError

    class Short:
        is_live, dropped = True, 0

        def frames(self) -> Iterator[Frame]:
            for number in range(3):
                yield Frame(pixels=np.zeros((40, 40, 3), np.uint8), at=float(number))

        def close(self) -> None:
            pass

    totals, written = WatchTotals(), []

    def write(*, faces: list[FaceSighting], at: datetime) -> list[SightingAnswer]:
        written.append(at)
        return []

    camera = Camera(pk=1, campus_id=1, name="Door")
    recorder = Recorder(camera=camera, write=write, told=lambda *_w: None, totals=totals)
    recorder.put(SeenFrame(faces=[], tracks=[], asked_at=0, at=now, taken=0))
    broken: Any = Broken()
    watch(source=Short(), watcher=broken, recorder=recorder, totals=totals, apart=True)
    assert (looked, written) == ([0.0, 1.0, 2.0], [now])


# --- Snapshots ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("box", "size"),
    [
        ((10, 20, 30, 40), (30, 40)),
        ((-10, -20, 30, 40), (20, 20)),  # over the edge: cut off
        ((90, 70, 30, 40), (10, 10)),
        ((200, 200, 30, 40), None),
    ],
)
def test_a_snapshot_is_the_box_cut_at_the_edge_of_the_frame(
    box: tuple[float, float, float, float], size: tuple[int, int] | None
) -> None:
    jpeg = capture_snapshot(np.zeros((80, 100, 3), np.uint8), box)
    assert (jpeg and Image.open(BytesIO(jpeg)).size) == size


def test_a_blurred_dark_or_tiny_face_is_no_snapshot(engine: Engine, astronaut: Pixels) -> None:
    [good] = detect_faces(engine, astronaut)
    assert quality_of(astronaut, good).passed
    blurred = np.asarray(cv2.GaussianBlur(astronaut, (0, 0), 9), np.uint8)
    dark = (astronaut // 16).astype(np.uint8)
    tiny = cv2.resize(astronaut, None, fx=0.3, fy=0.3, interpolation=cv2.INTER_AREA)
    scaled = Face(
        box=tuple(0.3 * value for value in good.box),  # type: ignore[arg-type]
        landmarks=tuple((0.3 * x, 0.3 * y) for x, y in good.landmarks),  # type: ignore[arg-type]
        score=good.score,
    )
    for frame, one, reason in (
        (blurred, good, "too_blurred"),
        (dark, good, "too_dark"),
        (np.asarray(tiny, np.uint8), scaled, "face_too_small"),
    ):
        judged = quality_of(frame, one)
        assert reason in judged.reasons
        assert 0 <= judged.score <= 1
