"""Photos of a hall: which faces are found and named, by size, and how long it takes.

    python -m bench.class_photo [FACES] [--halls 6] [--rounds 5] [--json FILE]

FACES holds `<person>/<n>.jpg` (default: $CAMPUS_FACES, else ../shared/faces/lfw). 12-megapixel
pictures of a plain wall with 60 heads, cut from the fourth photo of each person, none over another;
saved as JPEG of quality 88, sharp and with a blur of one pixel. Templates are made from each
person's first two photos as an enrolment makes them. By size: all heads of one size, all of people
of the roster. Mixed: half of the heads are strangers to the roster of 60, and sizes go from 40 to
200 pixels. Sizes are widths of faces.

End to end: on its own PostgreSQL and file storage, one process: the upload is checked and sealed,
the worker's task reads, searches and writes, the page's data and the picture are read. By the wall
clock, and by processor time (`processor`), which other work on the machine does not lengthen. Real
heads sit in rows and hide each other: these pictures are easier than a hall.
"""

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np

ROOT: Final = Path(__file__).resolve().parents[1]
WIDTH, HEIGHT = 4032, 3024
HEADS: Final = 60
SIZES: Final = (24, 32, 40, 48, 64, 96, 140, 200)
HEAD: Final = (25, 235, 40, 210)  # top, bottom, left, right in a photo of 250 pixels
FACE: Final = 85  # pixels, of the face's width in them
FILLED: Final = 0.22  # at most, of the picture: heads are placed at random
PROMISED_S: Final = 5.0


class Hall:
    """A picture with heads; `places`: person → middle of the face."""

    def __init__(self, heads: dict[Path, float], *, seed: int, blur: float = 0.0) -> None:
        import cv2
        from PIL import Image

        rng = random.Random(seed)
        wall = np.random.default_rng(seed).normal(110, 12, (HEIGHT // 8, WIDTH // 8, 3))
        small = wall.clip(0, 255).astype(np.uint8)
        picture = cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
        self.places: dict[str, tuple[float, float, float]] = {}
        taken: list[tuple[int, int, int, int]] = []
        top, bottom, left, right = HEAD
        for folder, size in sorted(heads.items(), key=lambda each: -each[1]):
            photo = np.asarray(Image.open(sorted(folder.glob("*.jpg"))[3]).convert("RGB"))
            scale = size / FACE
            way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
            head = cv2.resize(
                photo[top:bottom, left:right], None, fx=scale, fy=scale, interpolation=way
            )
            high, wide = head.shape[:2]
            x, y = free_place(rng, taken, wide, high)
            taken.append((x, y, wide, high))
            picture[y : y + high, x : x + wide] = head
            self.places[folder.name] = (x + wide / 2, y + high / 2, size)
        if blur:
            picture = cv2.GaussianBlur(picture, (0, 0), blur)
        buffer = BytesIO()
        Image.fromarray(picture).save(buffer, "JPEG", quality=88)
        self.jpeg = buffer.getvalue()

    def person_at(self, x: float, y: float) -> str:
        """Whose head is there; "" on the wall."""
        for name, (across, down, size) in self.places.items():
            if abs(x - across) < size and abs(y - down) < 1.2 * size:
                return name
        return ""


def free_place(
    rng: random.Random, taken: list[tuple[int, int, int, int]], wide: int, high: int
) -> tuple[int, int]:
    for _try in range(5000):
        x, y = rng.randrange(WIDTH - wide), rng.randrange(HEIGHT - high)
        if all(x + wide < a or a + w < x or y + high < b or b + h < y for a, b, w, h in taken):
            return x, y
    raise SystemExit("The heads do not fit into the picture.")


def templates_of(folders: list[Path]) -> dict[str, np.ndarray]:
    from apps.biometrics.images import read_photo
    from apps.biometrics.worker import observe_for_enrolment

    found = {}
    for folder in folders:
        photos = sorted(folder.glob("*.jpg"))[:2]
        seen = [observe_for_enrolment(read_photo(p.read_bytes()).jpeg()).vector for p in photos]
        vectors = [vector for vector in seen if vector is not None]
        if vectors:
            found[folder.name] = np.array(vectors)
    return found


def answers(vectors: np.ndarray, templates: dict[str, np.ndarray]) -> list[tuple[str, str]]:
    """(answer, name) of each face, by the rules of `apps/recognition/services.py`."""
    from apps.biometrics.worker import engine_spec
    from apps.recognition.services import Candidate
    from apps.recognition.services.answers import answer_of, each_once
    from apps.recognition.services.rosters import _means

    names = list(templates)
    owners = np.concatenate([[place] * len(templates[name]) for place, name in enumerate(names)])
    spec = engine_spec()
    found = []
    for row in _means(vectors, owners, np.concatenate(list(templates.values()))):
        candidates = [
            Candidate(**vars(mean), limit=spec.threshold + spec.margin(mean.templates))
            for mean in row
        ]
        found.append(answer_of(sorted(candidates, key=lambda each: each.excess), limit=10))
    return [
        (face.answer.value, "" if face.student_id is None else names[face.student_id])
        for face in each_once(found)
    ]


def outcome(hall: Hall, templates: dict[str, np.ndarray]) -> Counter[str]:
    from apps.class_photos.worker import look_at

    seen = look_at(hall.jpeg)
    scale = WIDTH / seen.size[0]
    counts: Counter[str] = Counter(heads=len(hall.places))
    met = set()
    for face, (answer, name) in zip(seen.faces, answers(seen.vectors, templates), strict=True):
        left, top, width, height = (scale * value for value in face.box)
        person = hall.person_at(left + width / 2, top + height / 2)
        met.add(person)
        if not person:
            counts["no head"] += 1
        elif answer == "known" and not face.clear:
            counts["doubtful"] += 1
        elif answer == "known":
            counts["own name" if name == person else "another name"] += 1
        else:
            counts[answer] += 1
    counts["found"] = len(met - {""})
    return counts


def by_size(folders: list[Path], templates: dict[str, np.ndarray], halls: int) -> dict[str, Any]:
    found = {}
    for size in SIZES:
        for blur in (0.0, 1.0):
            counts: Counter[str] = Counter()
            for seed in range(max(1, halls // 3)):
                area = (size / FACE) ** 2 * (HEAD[1] - HEAD[0]) * (HEAD[3] - HEAD[2])
                fitting = min(HEADS, int(FILLED * WIDTH * HEIGHT / area))
                heads = dict.fromkeys(folders[:fitting], float(size))
                counts += outcome(Hall(heads, seed=seed, blur=blur), templates)
            found[f"{size} px{', blurred' if blur else ''}"] = dict(counts)
            print(f"{size} {blur} {json.dumps(counts)}", flush=True)
    return found


def mixed(folders: list[Path], halls: int) -> dict[str, Any]:
    """Rosters of 60 of whom 30 are there, with 30 strangers."""
    counts: Counter[str] = Counter()
    strangers: Counter[str] = Counter()
    for seed in range(halls):
        people = random.Random(seed).sample(folders, HEADS + HEADS // 2)
        roster, others = people[:HEADS], people[HEADS:]
        there = [*roster[: HEADS // 2], *others]
        sizes = np.linspace(40, 200, len(there))
        heads = dict(zip(random.Random(seed).sample(there, len(there)), sizes, strict=True))
        templates = templates_of(roster)
        hall = Hall(heads, seed=seed)
        counts += outcome(hall, templates)
        own = {folder.name for folder in roster}
        strangers += strangers_named(hall, templates, own)
    return {"faces": dict(counts), "strangers": dict(strangers)}


def strangers_named(hall: Hall, templates: dict[str, np.ndarray], roster: set[str]) -> Counter[str]:
    from apps.class_photos.worker import look_at

    seen = look_at(hall.jpeg)
    scale = WIDTH / seen.size[0]
    counts: Counter[str] = Counter()
    for face, (answer, _name) in zip(seen.faces, answers(seen.vectors, templates), strict=True):
        left, top, width, height = (scale * value for value in face.box)
        person = hall.person_at(left + width / 2, top + height / 2)
        if person and person not in roster:
            counts["there"] += 1
            counts["named"] += answer == "known" and face.clear
            counts["doubtful"] += answer == "doubtful" or (answer == "known" and not face.clear)
    return counts


# --- End to end ----------------------------------------------------------------------------------


def end_to_end(folders: list[Path], rounds: int) -> dict[str, Any]:
    from django.core.management import call_command

    from apps.audit.services import SYSTEM
    from apps.class_photos import tasks
    from apps.class_photos.selectors import open_review, review_shown
    from apps.class_photos.services.reviews import photo_add, photo_open, review_finish
    from apps.class_photos.worker import look_at
    from apps.tenants.models import Campus
    from apps.tenants.scope import campus_scope

    call_command("migrate", verbosity=0)
    campus = Campus.objects.create(slug="bench", name="Bench", face_enabled=True)
    with campus_scope(campus):
        session = prepared(folders[:HEADS])
    heads = dict(zip(folders[:HEADS], np.linspace(40, 200, HEADS), strict=True))
    look_at(Hall(heads, seed=99).jpeg)  # the engine is loaded
    times: dict[str, list[float]] = {"upload": [], "search": [], "page": [], "picture": []}
    worked: list[float] = []
    counts: Counter[str] = Counter()
    for seed in range(rounds):
        jpeg = Hall(heads, seed=seed).jpeg
        moments, began = [time.perf_counter()], time.process_time()
        with campus_scope(campus):
            photo = photo_add(session=session, data=jpeg, now=clock(), actor=SYSTEM)
        moments.append(time.perf_counter())
        tasks.look_at_photo.apply((photo.pk,), headers={"campus_id": campus.pk})
        moments.append(time.perf_counter())
        with campus_scope(campus):
            review = open_review(session)
            assert review is not None
            shown = review_shown(review=review, now=clock())
        moments.append(time.perf_counter())
        with campus_scope(campus):
            photo_open(session=session, number=1, now=clock(), actor=SYSTEM)
        moments.append(time.perf_counter())
        worked.append(time.process_time() - began)
        for name, start, end in zip(times, moments, moments[1:], strict=False):
            times[name].append(end - start)
        counts += Counter(shown.counts)
        with campus_scope(campus):
            review_finish(review=review, now=clock(), actor=SYSTEM)
    whole = [sum(each) for each in zip(*times.values(), strict=True)]
    seconds = {name: round(statistics.median(all_), 3) for name, all_ in times.items()}
    return {
        "seconds": {**seconds, "whole": round(statistics.median(whole), 3)},
        "slowest": round(max(whole), 3),
        "processor": round(statistics.median(worked), 3),
        "megabytes": round(len(jpeg) / 2**20, 1),
        "faces": dict(counts),
    }


def clock() -> Any:
    from django.utils import timezone

    return timezone.now()


def prepared(folders: list[Path]) -> Any:
    """An open session whose 60 students have templates and agreed to be searched."""
    from bench.searched_class import searched_class

    return searched_class(folders, now=clock(), policy={"class_photos": True})[0]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(os.environ.get("CAMPUS_FACES", ROOT.parent / "shared" / "faces" / "lfw"))
    parser.add_argument("faces", type=Path, nargs="?", default=default)
    parser.add_argument("--models", type=Path, default=ROOT / "var" / "models")
    parser.add_argument("--halls", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    folders = sorted(path for path in options.faces.iterdir() if len(list(path.glob("*.jpg"))) > 3)
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
            result = {"end to end": end_to_end(folders, options.rounds)}
            print(json.dumps(result["end to end"]), flush=True)
            templates = templates_of(folders[:HEADS])
            result["by size"] = by_size(folders, templates, options.halls)
            result["mixed"] = mixed(folders, options.halls)
            print(json.dumps(result["mixed"]), flush=True)
        finally:
            stack.stop()
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return int(result["end to end"]["seconds"]["whole"] > PROMISED_S)


if __name__ == "__main__":
    sys.exit(main())
