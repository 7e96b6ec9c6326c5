"""A camera at a door: frames a second and core, who is marked, memory over many frames.

`python -m bench.camera [FACES] [--frames 10000]`. FACES: a folder of people with at least four
photos each. A video (640 × 480, MPEG-4) shows one to three people at a time, each for 25 frames,
moving: of a roster of 60 half of the people, by photos that they are not enrolled with, and as many
strangers. It is watched again and again by what `watch_camera` runs, every frame looked at, on a
PostgreSQL and a file storage of its own, until so many frames are done. Frames a second and core
are by processor time, which other work on the machine does not lengthen; memory is that of the
process after each thousand frames. Photos of the press are larger and better lit than a door.
"""

import argparse
import json
import os
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import numpy as np

ROOT: Final = Path(__file__).resolve().parents[1]
ROSTER: Final = 60
SHOWN: Final = 30  # of the roster, and as many strangers
WIDTH, HEIGHT = 640, 480
FRAMES_EACH: Final = 25
PROMISED_RATE: Final = 5.0
PROMISED_GROWTH_MB: Final = 50


def film(path: Path, folders: list[Path]) -> int:
    """A video of these people in groups of one to three; how many frames."""
    import cv2

    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25.0, (WIDTH, HEIGHT))
    rng, left, frames = random.Random(7), list(folders), 0
    while left:
        group = [left.pop() for _place in range(min(len(left), rng.randint(1, 3)))]
        heads = [cv2.imread(str(sorted(folder.glob("*.jpg"))[3])) for folder in group]
        heads = [cv2.resize(head, (200, 200), interpolation=cv2.INTER_AREA) for head in heads]
        for number in range(FRAMES_EACH):
            frame = np.full((HEIGHT, WIDTH, 3), 110, np.uint8)
            for place, head in enumerate(heads):
                top, start = 100 + number, 10 + 205 * place + number // 5
                frame[top : top + 200, start : start + 200] = head
            writer.write(frame)
            frames += 1
    writer.release()
    return frames


def prepared(folders: list[Path]) -> tuple[Any, Any, dict[int, str]]:
    """An open session whose students agreed to cameras, a camera in its room, and who is who."""
    from apps.audit.services import SYSTEM
    from apps.cameras.models import Camera
    from apps.cameras.services.cameras import camera_add
    from bench.searched_class import searched_class

    now = clock()
    session, names = searched_class(
        folders, now=now, policy={"cameras": True}, cameras=True, camera_notice="A sign"
    )
    camera = Camera(name="Door", classroom=session.classroom, keeps_unknown=True)
    camera_add(camera, now=now, actor=SYSTEM)
    return session, camera, names


def measured(video: Path, campus: Any, camera: Any, frames: int) -> dict[str, Any]:
    import psutil

    from apps.biometrics.engines import get_engine
    from apps.cameras.capture import Frame, VideoFrames
    from apps.cameras.watching import Recorder, Watcher, WatchTotals, written_by

    process, totals = psutil.Process(), WatchTotals()
    recorder = Recorder(
        camera=camera,
        write=written_by(camera, now=clock),
        told=lambda *_words: None,
        totals=totals,
    )
    watcher = Watcher(
        camera=camera, engine=get_engine(), recorder=recorder, totals=totals, began=clock()
    )
    memory: dict[int, int] = {}
    moved, began, worked = 0.0, time.perf_counter(), time.process_time()
    while totals.frames < frames:
        source, last = VideoFrames(video, every=1), 0.0
        for frame in source.frames():
            watcher.look(Frame(pixels=frame.pixels, at=moved + frame.at))
            recorder.work()
            last = frame.at
            if totals.frames % 1000 == 0:
                memory[totals.frames] = round(process.memory_info().rss / 2**20)
            if totals.frames >= frames:
                break
        moved += last + 1.0
    recorder.finish()
    processor = time.process_time() - worked
    return {
        "frames": totals.frames,
        "faces": totals.faces,
        "results": totals.results,
        "frames a second and core": round(totals.frames / processor, 1),
        "frames a second by the clock": round(totals.frames / (time.perf_counter() - began), 1),
        "dropped": totals.dropped_sightings,
        "MB after frames": memory,
        "growth MB": max(memory.values()) - min(memory.values()) if memory else 0,
    }


def register(campus: Any, session: Any, names: dict[int, str], shown: set[str]) -> dict[str, int]:
    from apps.attendance.models import AttendanceRecord
    from apps.cameras.models import UnknownPerson
    from apps.tenants.scope import campus_scope

    with campus_scope(campus):
        marked = set(
            AttendanceRecord.objects.filter(session=session, source="camera").values_list(
                "student_id", flat=True
            )
        )
        unknown = UnknownPerson.objects.count()
    right = {pk for pk in marked if names[pk] in shown}
    return {
        "shown of the roster": len(shown),
        "marked rightly": len(right),
        "marked wrongly": len(marked - right),
        "strangers shown": SHOWN,
        "unknown people kept": unknown,
    }


def clock() -> Any:
    from django.utils import timezone

    return timezone.now()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(os.environ.get("CAMPUS_FACES", ROOT.parent / "shared" / "faces" / "lfw"))
    parser.add_argument("faces", type=Path, nargs="?", default=default)
    parser.add_argument("--models", type=Path, default=ROOT / "var" / "models")
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    folders = sorted(path for path in options.faces.iterdir() if len(list(path.glob("*.jpg"))) > 3)
    random.Random(1).shuffle(folders)
    roster, strangers = folders[:ROSTER], folders[ROSTER : ROSTER + SHOWN]
    there = roster[:SHOWN]
    from apps.processes.embedded import EmbeddedStack, Layout

    with tempfile.TemporaryDirectory(prefix="campus-bench-") as folder:
        stack = EmbeddedStack(Layout(Path(folder)))
        stack.start()
        try:
            os.environ.update(
                DJANGO_SETTINGS_MODULE="bench.settings",
                CAMPUS_VAR=folder,
                CAMPUS_MODELS_DIR=str(options.models),
                OMP_NUM_THREADS="1",
                OPENBLAS_NUM_THREADS="1",
            )
            import django

            django.setup()
            from django.core.management import call_command

            from apps.tenants.models import Campus
            from apps.tenants.scope import campus_scope

            call_command("migrate", verbosity=0)
            campus = Campus.objects.create(slug="bench", name="Bench", face_enabled=True)
            with campus_scope(campus):
                session, camera, names = prepared(roster)
            video = Path(folder, "door.mp4")
            crowd = [*there, *strangers]
            random.Random(2).shuffle(crowd)
            film(video, crowd)
            result = measured(video, campus, camera, options.frames)
            result |= register(campus, session, names, {each.name for each in there})
        finally:
            stack.stop()
    print(json.dumps(result, indent=2))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    slow = result["frames a second and core"] < PROMISED_RATE
    return int(slow or result["growth MB"] > PROMISED_GROWTH_MB or result["marked wrongly"] > 0)


if __name__ == "__main__":
    sys.exit(main())
