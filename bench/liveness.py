"""How often live faces pass, and pictures held up in their place: APCER and BPCER.

    python -m bench.liveness [FACES] [--people N] [--half 0|1] [--rounds N] [--json FILE]

FACES holds `<person>/<n>.jpg` (default: $CAMPUS_FACES, else ../shared/faces/lfw). Everything is
simulated from photos (bench/liveness_pictures.py): live heads are a photo on a made-up surface that
turns, attacks are planes, cylinders, other people's faces and copies. They show what the method
tells apart, not what a campus will see: `docs/faces.md` says how to measure that.

APCER: share of attacks of a species that pass (ISO/IEC 30107-3). BPCER: share of live people who do
not pass at the first try; `failed` are the accused among them. Intervals are Wilson's, 95 %.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

ROOT: Final = Path(__file__).resolve().parents[1]
MOST_APCER: Final = 0.07
MOST_BPCER: Final = 0.05


class People:
    """Photos of people, the plain templates of all but the first, and the first in a frame."""

    def __init__(self, folder: Path, most: int | None) -> None:
        from apps.biometrics.engines import get_engine
        from apps.biometrics.images import read_photo
        from apps.biometrics.worker import observe_for_enrolment
        from apps.liveness.geometry import pose
        from bench.liveness_pictures import framed, tip_of

        engine = get_engine()
        self.names: list[str] = []
        self.places: dict[str, int] = {}  # of their folders
        self.pictures: dict[str, Any] = {}
        self.templates: dict[str, Any] = {}
        self.enrolled: dict[str, Any] = {}
        self.tips: dict[str, tuple[float, float]] = {}
        self.enrolled_tips: dict[str, tuple[float, float]] = {}
        folders = sorted(path for path in folder.iterdir() if path.is_dir())[:most]
        for number, place in enumerate(folders):
            front, *others = sorted(place.glob("*.jpg"))
            pixels = read_photo(front.read_bytes()).pixels()
            faces = engine.detect(pixels)
            seen = [observe_for_enrolment(read_photo(p.read_bytes()).jpeg()) for p in others]
            vectors = [one.vector for one in seen if one.vector is not None]
            if not faces or not vectors or abs(pose(faces[0])[0]) > 0.2:
                continue  # a head that is turned already shows one side only
            picture = framed(pixels, faces[0].landmarks[:2])
            shown = engine.detect(picture)
            if not shown:
                continue
            self.names.append(place.name)
            self.places[place.name] = number
            self.templates[place.name] = vectors
            self.pictures[place.name] = picture
            self.tips[place.name] = tip_of(shown[0].landmarks)
            for other in others:
                enrolled = read_photo(other.read_bytes()).pixels()
                found = engine.detect(enrolled)
                if found:
                    picture = framed(enrolled, found[0].landmarks[:2])
                    shown = engine.detect(picture) or found
                    self.enrolled[place.name] = picture
                    self.enrolled_tips[place.name] = tip_of(shown[0].landmarks)
                    break  # one of them had a vector, so one has a face


def _jpeg(picture: Any) -> bytes:
    import cv2

    _done, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
    return bytes(data)


def frames_of(series: Sequence[tuple[Any, int, int]]) -> list[Any]:
    from apps.liveness.evaluation import RecordedFrame

    return [
        RecordedFrame(jpeg=_jpeg(picture), turn=turn, at_ms=at_ms)
        for picture, turn, at_ms in series
    ]


def _selfie(picture: Any) -> bytes:
    """As a phone sends it: 960 pixels."""
    import cv2

    return _jpeg(cv2.resize(picture, (960, 960), interpolation=cv2.INTER_CUBIC))


def timed(act: Callable[[], object]) -> float:
    """Seconds of processor time."""
    began = time.process_time()
    act()
    return time.process_time() - began


def labels(turns: Sequence[Any]) -> list[int]:
    return [0, *(number for number in range(1, len(turns) + 1) for _each in (0, 1))]


class Round:
    """One person, one challenge: the live series and every attack on it."""

    def __init__(self, people: People, name: str, rng: np.random.Generator) -> None:
        from apps.liveness.turns import SEQUENCES

        self.people, self.name, self.rng = people, name, rng
        self.turns = SEQUENCES[int(rng.integers(len(SEQUENCES)))]
        self.picture = people.pictures[name]
        other = people.names[(people.names.index(name) + 1) % len(people.names)]
        self.background = people.pictures[other]
        self.tip = people.tips[name]
        (x, y), (other_x, other_y) = self.tip, people.tips[other]
        self.tip_of_both = ((x + other_x) / 2, (y + other_y) / 2)

    def series(
        self, draw: Callable[[Any], Any], turns: Sequence[Any], *, strong: float = 1.0
    ) -> list[tuple[Any, int, int]]:
        from bench.liveness_pictures import filmed, plan, times

        poses = plan(turns, self.rng, strong=strong)
        shots = [filmed(draw(pose), self.rng) for pose in poses]
        return list(zip(shots, labels(turns), times(len(shots), self.rng), strict=True))

    def live(self) -> list[tuple[Any, int, int]]:
        return self.on_a_head(self.picture, self.tip)

    def another_day(self) -> list[tuple[Any, int, int]]:
        people = self.people
        return self.on_a_head(people.enrolled[self.name], people.enrolled_tips[self.name])

    def on_a_head(self, picture: Any, tip: tuple[float, float]) -> list[tuple[Any, int, int]]:
        from bench.liveness_pictures import head, lamp

        light = lamp(self.rng)
        return self.series(lambda pose: head(picture, pose, light, tip), self.turns)

    def attacks(self, live: list[tuple[Any, int, int]]) -> dict[str, list[tuple[Any, int, int]]]:
        """Each attacker has seen this very challenge, but for the video, which is of another."""
        from apps.liveness.turns import SEQUENCES
        from bench import liveness_pictures as draw

        rng, picture, background = self.rng, self.picture, self.background
        paper, screen = draw.printed(picture, rng), draw.moire(picture, rng)
        light = draw.lamp(rng)
        bend, fold = float(rng.uniform(0, 0.25)), float(rng.uniform(10, 40))
        others = [sequence for sequence in SEQUENCES if sequence != self.turns]
        same_length = [one for one in others if len(one) == len(self.turns)]
        earlier = same_length[int(rng.integers(len(same_length)))]
        mixed = (0.5 * picture + 0.5 * background).astype(np.uint8)
        return {
            "print": self.series(
                lambda pose: draw.sheet(paper, pose, background, bend=bend), self.turns, strong=1.2
            ),
            "print, folded": self.series(
                lambda pose: draw.sheet(paper, pose, background, fold=fold), self.turns, strong=1.2
            ),
            "screen still": self.series(
                lambda pose: draw.sheet(screen, pose, background), self.turns, strong=1.2
            ),
            "screen video": self.series(
                lambda pose: draw.moire(draw.head(picture, pose, light, self.tip), rng), earlier
            ),
            "cut-out": self.series(
                lambda pose: draw.sheet(paper, pose, background, bend=1 / 1.6, outline=draw.oval()),
                self.turns,
            ),
            "mirrored": [
                (np.ascontiguousarray(draw.saved_anew(shot, rng)[:, ::-1]), turn, at_ms)
                for shot, turn, at_ms in live
            ],
            "replayed": [(draw.saved_anew(shot, rng), turn, at_ms) for shot, turn, at_ms in live],
            "morph, held up": self.series(
                lambda pose: draw.sheet(mixed, pose, background), self.turns, strong=1.2
            ),
            "morph, live": self.on_a_head(mixed, self.tip_of_both),
        }


@dataclass
class Found:
    """What was measured of some people."""

    rates: dict[str, Any] = field(default_factory=dict)  # by species
    new_frames: int = 0  # of another photo of the same person …
    taken_for_copies: int = 0  # … and so many of them wrongly
    selfie_ms: list[float] = field(default_factory=list)
    frame_ms: list[float] = field(default_factory=list)

    def add(self, species: str, verdict: Any) -> None:
        from apps.liveness.evaluation import Rates

        self.rates.setdefault(species, Rates()).add(verdict)


def measure_person(people: People, name: str, number: int, found: Found) -> None:
    """One round of one person: live, on another day, and every attack."""
    from apps.biometrics.worker import observe_for_check_in
    from apps.liveness.evaluation import LIVE, judged
    from apps.liveness.turns import Turn

    other_way = {Turn.LEFT: Turn.RIGHT, Turn.RIGHT: Turn.LEFT}
    turn_of = Round(people, name, np.random.default_rng([number, people.places[name]]))
    templates = people.templates[name]
    live = turn_of.live()
    verdict, prints = judged(frames_of(live), turn_of.turns, templates)
    found.add(LIVE, verdict)
    later = frames_of(turn_of.another_day())
    selfie = _selfie(turn_of.picture)
    found.selfie_ms.append(1000 * timed(partial(observe_for_check_in, selfie)))
    began = time.process_time()
    verdict, _prints = judged(later, turn_of.turns, templates, known=prints)
    found.frame_ms.append(1000 * (time.process_time() - began) / len(later))
    found.taken_for_copies += verdict.measurements["used_before"]
    found.new_frames += len(later)
    for species, series in turn_of.attacks(live).items():
        turns = turn_of.turns
        if species == "mirrored":  # as fits it best: the challenge is the mirrored one
            turns = tuple(other_way.get(turn, turn) for turn in turns)
        known = prints if species in ("mirrored", "replayed") else []
        verdict, _prints = judged(frames_of(series), turns, templates, known=known)
        found.add(species, verdict)


def measure(
    folder: Path, *, most: int | None = None, rounds: int = 1, half: int | None = None
) -> dict[str, Any]:
    """`half`: of every two people only the first (0), or only the second (1)."""
    from apps.liveness.evaluation import as_json

    people, found = People(folder, most), Found()
    names = [name for name in people.names if half is None or people.places[name] % 2 == half]
    for number in range(rounds):
        for name in names:
            measure_person(people, name, number, found)
    return {
        "people": len(names),
        "rounds": rounds,
        "new_frames": found.new_frames,
        "taken_for_copies": found.taken_for_copies,
        "selfie_ms": statistics.median(found.selfie_ms),
        "frame_ms": statistics.median(found.frame_ms),
        "rates": found.rates,
        "species": {
            species: as_json(rates, species=species) for species, rates in found.rates.items()
        },
    }


def main() -> int:
    default = os.environ.get("CAMPUS_FACES", str(ROOT.parent / "shared" / "faces" / "lfw"))
    models = os.environ.get("CAMPUS_MODELS_DIR", str(ROOT / "var" / "models"))
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("faces", nargs="?", type=Path, default=Path(default))
    parser.add_argument("--models", type=Path, default=Path(models))
    parser.add_argument("--people", type=int, help="only the first N people")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument(
        "--half",
        type=int,
        choices=[0, 1],
        help="of every two people only the first (on whom the limits were set), or the second",
    )
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    os.environ.update(CAMPUS_MODELS_DIR=str(options.models), OMP_NUM_THREADS="1")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "campus.settings.test")
    import django

    django.setup()
    from apps.liveness.evaluation import LIVE, line_of

    result = measure(options.faces, most=options.people, rounds=options.rounds, half=options.half)
    print(f"{result['people']} people, {result['rounds']} rounds, all frames simulated from photos")
    broken = False
    for species, rates in result.pop("rates").items():
        most = MOST_BPCER if species == LIVE else MOST_APCER
        broken |= result["species"][species]["rate"] > most
        print(line_of(species, rates))
    print(
        f"frames of another photo taken for copies: {result['taken_for_copies']} "
        f"of {result['new_frames']}"
    )
    print(
        f"processor time: {result['frame_ms']:.0f} ms a frame, where it is compared with earlier "
        f"ones too; {result['selfie_ms']:.0f} ms a selfie of 960 pixels"
    )
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
