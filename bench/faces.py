"""Accuracy and speed of our face engine against the bare OpenCV engine, in the same run.

    python bench/faces.py [FACES] [--models DIR] [--people N] [--json FILE]

FACES holds `<person>/<n>.jpg` (default: $CAMPUS_FACES, else ../shared/faces/lfw). The bare engine
is OpenCV's FaceDetectorYN + FaceRecognizerSF with the same weights, called as its documentation
shows. Both run on one thread and take turns photo by photo, so that a busy machine slows both.
"""

import argparse
import json
import os
import statistics
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import psutil  # noqa: E402

from apps.biometrics.engines import (  # noqa: E402
    Engine,
    EngineUnavailable,
    Pixels,
    engine_names,
    get_engine,
)
from apps.biometrics.images import read_photo  # noqa: E402
from apps.biometrics.quality import CHECK_IN, ENROLMENT, assess  # noqa: E402
from apps.biometrics.weights.catalogue import WeightsError  # noqa: E402
from apps.face_models.evaluation.bare import Embed, bare_opencv  # noqa: E402
from apps.face_models.evaluation.pairs import (  # noqa: E402
    LabelledPhoto,
    labelled_photos,
    operating_points,
    pair_distances,
    separation,
)

RATES = (1e-3, 1e-4)
MAX_TAR_LOSS = 0.005  # half a point below the bare engine
MAX_TIME_RATIO = 1.3


@dataclass(frozen=True)
class Result:
    photos: int
    found: int
    tar: dict[str, float]  # at each false match rate
    threshold: dict[str, float]  # cosine distance there
    separation: float  # area under the ROC curve
    median_ms: float


def through(engine: Engine) -> Embed:
    """What a worker does with a selfie: find the largest face and embed it."""

    def embed(image: Pixels) -> np.ndarray | None:
        faces = engine.detect(image)
        return engine.embed(image, faces[:1])[0] if faces else None

    return embed


def compare(contenders: dict[str, Embed], photos: list[LabelledPhoto]) -> dict[str, Result]:
    """Run all contenders over all photos, each photo in a rotating order."""
    vectors: dict[str, list[np.ndarray | None]] = {name: [] for name in contenders}
    times: dict[str, list[float]] = {name: [] for name in contenders}
    order = list(contenders)
    warm = read_photo(photos[0].path.read_bytes()).pixels()
    for name in order:
        contenders[name](warm)
    for photo in photos:
        image = read_photo(photo.path.read_bytes()).pixels()
        order.append(order.pop(0))
        for name in order:
            started = time.perf_counter()
            vectors[name].append(contenders[name](image))
            times[name].append(time.perf_counter() - started)
    return {name: summary(photos, vectors[name], times[name]) for name in contenders}


def summary(
    photos: list[LabelledPhoto], vectors: list[np.ndarray | None], times: list[float]
) -> Result:
    pairs = [(v, photo.person) for v, photo in zip(vectors, photos, strict=True) if v is not None]
    distances = pair_distances(np.array([v for v, _ in pairs]), [person for _, person in pairs])
    points = operating_points(distances, RATES)
    return Result(
        photos=len(photos),
        found=len(pairs),
        separation=separation(distances),
        tar={f"{point.fmr:g}": point.tar for point in points},
        threshold={f"{point.fmr:g}": point.threshold for point in points},
        median_ms=1000 * statistics.median(times),
    )


def quality_rates(engine: Engine, photos: list[LabelledPhoto]) -> dict[str, float]:
    """Share of photos that pass the gates; also of those with exactly one face."""
    single, enrolled, accepted, accepted_single = 0, 0, 0, 0
    for photo in photos:
        image = read_photo(photo.path.read_bytes()).pixels()
        faces = engine.detect(image)
        single += len(faces) == 1
        enrolled += assess(image, faces, ENROLMENT).passed
        fit = assess(image, faces, CHECK_IN).passed
        accepted += fit
        accepted_single += fit and len(faces) == 1
    return {
        "single_face_photos": single,
        "enrolment_of_single_face": enrolled / max(single, 1),
        "check_in_of_single_face": accepted_single / max(single, 1),
        "check_in_of_all": accepted / len(photos),
    }


def arguments() -> argparse.Namespace:
    default = os.environ.get("CAMPUS_FACES", str(ROOT.parent / "shared" / "faces" / "lfw"))
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("faces", nargs="?", type=Path, default=Path(default))
    models = os.environ.get("CAMPUS_MODELS_DIR", str(ROOT / "var" / "models"))
    parser.add_argument("--models", type=Path, default=Path(models))
    parser.add_argument("--engine", choices=engine_names(), default="sface")
    parser.add_argument("--people", type=int, help="only the first N people")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    photos = labelled_photos(options.faces)
    people = sorted({photo.person for photo in photos})[: options.people]
    photos = [photo for photo in photos if photo.person in set(people)]
    if len(people) < 2:
        print(f"{options.faces} has no photos as <person>/<n>.jpg.", file=sys.stderr)
        return 2
    process = psutil.Process()
    try:
        engine = get_engine(options.engine, models_dir=options.models)
    except (WeightsError, EngineUnavailable) as error:
        print(error, file=sys.stderr)
        return 2
    ours = through(engine)
    ours(read_photo(photos[0].path.read_bytes()).pixels())
    memory = process.memory_info().rss / 1e6
    results = compare({"ours": ours, "bare": bare_opencv(options.models)}, photos)
    quality = quality_rates(engine, photos)
    return report(options, results, quality=quality, memory=memory, people=len(people))


def report(
    options: argparse.Namespace,
    results: dict[str, Result],
    *,
    quality: dict[str, float],
    memory: float,
    people: int,
) -> int:
    """Print the table, write the JSON, and return 1 if a promise is broken."""
    ours, bare = results["ours"], results["bare"]
    print(f"{ours.photos} photos of {people} people, engine {options.engine}")
    print(
        f"{'':6}{'found':>7}"
        + "".join(f"{f'TAR@{r:g}':>12}" for r in RATES)
        + f"{'AUC':>9}{'ms':>8}"
    )
    for name, result in results.items():
        rates = "".join(f"{100 * result.tar[f'{rate:g}']:11.2f}%" for rate in RATES)
        print(
            f"{name:6}{result.found:7}{rates}{100 * result.separation:8.2f}%{result.median_ms:8.1f}"
        )
    ratio = ours.median_ms / bare.median_ms
    loss = max(bare.tar[key] - ours.tar[key] for key in bare.tar)
    print(
        f"time ratio {ratio:.2f} (at most {MAX_TIME_RATIO}); "
        f"TAR loss {100 * loss:.2f} points (at most {100 * MAX_TAR_LOSS:g})"
    )
    print(
        f"quality: enrolment {100 * quality['enrolment_of_single_face']:.1f} % of "
        f"{quality['single_face_photos']} single-face photos, "
        f"check-in {100 * quality['check_in_of_single_face']:.1f} % of these "
        f"and {100 * quality['check_in_of_all']:.1f} % of all"
    )
    print(f"memory of the process with the engine loaded: {memory:.0f} MB")
    if options.json:
        figures = {name: asdict(result) for name, result in results.items()}
        body = {
            **figures,
            "time_ratio": ratio,
            "tar_loss": loss,
            "quality": quality,
            "rss_mb": memory,
        }
        options.json.write_text(json.dumps(body, indent=2) + "\n", encoding="utf-8")
    return int(ratio > MAX_TIME_RATIO or loss > MAX_TAR_LOSS)


if __name__ == "__main__":
    sys.exit(main())
