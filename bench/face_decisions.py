"""Error rates of decisions over several templates, and of searching rosters.

    python -m bench.face_decisions [FACES] [--models DIR] [--json FILE]

FACES holds `<person>/<n>.jpg` (default: $CAMPUS_FACES, else ../shared/faces/lfw). Every photo is
looked at as a worker does: for enrolling, where it passes becomes a template, and for a check-in,
where it passes becomes a probe. Decisions: every choice of 1, 2 and 3 templates of a person against
all other photos, by the mean distance. Searching: random rosters, the photos of the people outside
of them are the strangers; the answers are those of `apps/recognition/services.py`.
"""

import argparse
import json
import os
import sys
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
ROSTERS: Final = (60, 120)
TRIALS: Final = 200
FMR: Final = 1e-4


@dataclass(frozen=True)
class Faces:
    """Rows are photos. `probes` are of photos that pass for check-ins, else NaN."""

    people: np.ndarray
    templates: np.ndarray
    can_enrol: np.ndarray
    probes: np.ndarray
    can_check_in: np.ndarray


def look_at(folder: Path) -> Faces:
    from apps.biometrics.images import read_photo
    from apps.biometrics.worker import engine_spec, observe_for_check_in, observe_for_enrolment
    from apps.face_models.evaluation.pairs import labelled_photos

    photos = labelled_photos(folder)
    nothing = np.full(engine_spec().dimension, np.nan, np.float32)
    templates, probes = [], []
    for photo in photos:
        jpeg = read_photo(photo.path.read_bytes()).jpeg()
        for observe, found in (
            (observe_for_enrolment, templates),
            (observe_for_check_in, probes),
        ):
            vector = observe(jpeg).vector
            found.append(nothing if vector is None else vector)
    return Faces(
        people=np.array([photo.person for photo in photos]),
        templates=np.array(templates),
        can_enrol=~np.isnan(np.array(templates)[:, 0]),
        probes=np.array(probes),
        can_check_in=~np.isnan(np.array(probes)[:, 0]),
    )


def decisions(faces: Faces, distances: np.ndarray, templates: int) -> dict[str, float]:
    """Distances are (probes x templates)."""
    from apps.biometrics.worker import engine_spec

    own, strangers = [], []
    for person in np.unique(faces.people):
        theirs = np.flatnonzero((faces.people == person) & faces.can_enrol)
        for chosen in combinations(theirs, templates):
            means = distances[:, list(chosen)].mean(axis=1)
            probes = faces.can_check_in.copy()
            probes[list(chosen)] = False
            own.append(means[probes & (faces.people == person)])
            strangers.append(means[probes & (faces.people != person)])
    genuine, impostor = np.concatenate(own), np.sort(np.concatenate(strangers))
    limit = engine_spec().threshold + engine_spec().margin(templates)
    return {
        "templates": templates,
        "limit": limit,
        "comparisons_of_strangers": len(impostor),
        "false_match_rate": float(np.mean(impostor <= limit)),
        "own_missed": float(np.mean(genuine > limit)),
        "limit_at_fmr": float(impostor[int(FMR * len(impostor))]),
    }


def rosters(
    faces: Faces, distances: np.ndarray, *, students: int, templates: int
) -> dict[str, float]:
    from apps.biometrics.worker import engine_spec
    from apps.recognition.services import CLEAR

    random = np.random.default_rng(1)
    spec, names = engine_spec(), np.unique(faces.people)
    counts = dict.fromkeys(("own", "strangers", "missed", "wrong", "doubtful", "named"), 0)
    for _trial in range(TRIALS):
        members = random.permutation(names)[:students]
        columns, limits, rows, who = [], [], [], []
        for number, person in enumerate(members):
            photos = np.flatnonzero((faces.people == person) & faces.can_enrol)
            chosen = random.permutation(photos)[:templates]
            if len(chosen) == 0:
                columns.append(np.full(len(distances), np.inf))
                limits.append(0.0)
                continue
            columns.append(distances[:, chosen].mean(axis=1))
            limits.append(spec.threshold + spec.margin(len(chosen)))
            rest = np.flatnonzero((faces.people == person) & faces.can_check_in)
            rest = rest[~np.isin(rest, chosen)]
            rows += rest.tolist()
            who += [number] * len(rest)
        outside = np.flatnonzero(~np.isin(faces.people, members) & faces.can_check_in)
        excess = np.stack(columns, axis=1) - np.array(limits)
        nearest = np.argsort(excess, axis=1)
        best, second = (np.take_along_axis(excess, nearest[:, [n]], 1)[:, 0] for n in (0, 1))
        known = (best <= 0) & (second - best >= CLEAR)
        right = nearest[rows, 0] == np.array(who)
        counts["own"] += len(rows)
        counts["missed"] += int((~(known[rows] & right)).sum())
        counts["wrong"] += int((known[rows] & ~right).sum())
        counts["doubtful"] += int(((best <= 0) & ~known)[rows].sum())
        counts["strangers"] += len(outside)
        counts["named"] += int(known[outside].sum())
    own, strangers = max(counts["own"], 1), max(counts["strangers"], 1)
    return {
        "students": students,
        "templates": templates,
        "own_photos": own,
        "own_missed": counts["missed"] / own,
        "wrong_name": counts["wrong"] / own,
        "doubtful": counts["doubtful"] / own,
        "strangers_named": counts["named"] / strangers,
    }


def campus(faces: Faces, distances: np.ndarray, *, templates: int) -> dict[str, Any]:
    """All people are the campus: each photo against the means of all, by the limits of FMR 1e-6.

    Strangers: the same photos with their own person left out.
    """
    from apps.biometrics.worker import engine_spec

    spec, random = engine_spec(), np.random.default_rng(1)
    margins = spec.campus_margins
    limit = spec.threshold + margins[min(templates, len(margins)) - 1]
    names, columns, used = np.unique(faces.people), [], []
    for person in names:
        photos = np.flatnonzero((faces.people == person) & faces.can_enrol)
        chosen = random.permutation(photos)[:templates]
        used += chosen.tolist()
        enough = len(chosen) == templates
        columns.append(
            distances[:, chosen].mean(axis=1) if enough else np.full(len(distances), np.inf)
        )
    means, fit = np.stack(columns, axis=1), faces.can_check_in
    own = faces.people[:, None] == names[None, :]
    probes = fit & ~np.isin(np.arange(len(fit)), used) & np.isfinite(means[own])
    strange = np.where(own, np.inf, means)[fit]
    return {
        "templates": templates,
        "limit": limit,
        "own_photos": int(probes.sum()),
        "own_missed": float(np.mean(means[own][probes] > limit)),
        "searches_of_strangers": int(fit.sum()),
        "strangers_named": int((strange <= limit).any(axis=1).sum()),
    }


def continued(faces: Faces, distances: np.ndarray, *, templates: int) -> dict[str, Any]:
    """Where the tail of the distances of strangers reaches 1e-6 when it is continued."""
    from statistics import NormalDist

    strangers = strangers_of(faces, distances, templates)
    shares = np.geomspace(max(5e-5, 20 / len(strangers)), 1e-2, 30)
    places = np.array([strangers[int(share * len(strangers))] for share in shares])
    line = np.polyfit(places[:12], np.log10(shares[:12]), 1)
    curve = np.polyfit(places, np.log10(shares), 2) - [0, 0, -6]
    normal = np.polyfit([NormalDist().inv_cdf(share) for share in shares], places, 1)
    return {
        "templates": templates,
        "comparisons": len(strangers),
        "nearest": strangers[:3].tolist(),
        "line": float((-6 - line[1]) / line[0]),
        "parabola": float(min(np.roots(curve).real)),
        "normal": float(np.polyval(normal, NormalDist().inv_cdf(1e-6))),
    }


def strangers_of(faces: Faces, distances: np.ndarray, templates: int) -> np.ndarray:
    """Mean distances of every choice of a person's templates to other people's photos, sorted."""
    found = []
    for person in np.unique(faces.people):
        theirs = np.flatnonzero((faces.people == person) & faces.can_enrol)
        others = faces.can_check_in & (faces.people != person)
        for chosen in combinations(theirs, templates):
            found.append(distances[:, list(chosen)].mean(axis=1)[others])
    return np.sort(np.concatenate(found))


def measure(folder: Path) -> dict[str, Any]:
    faces = look_at(folder)
    distances = 1.0 - faces.probes.astype(float) @ faces.templates.astype(float).T
    return {
        "photos": len(faces.people),
        "people": len(np.unique(faces.people)),
        "can_enrol": int(faces.can_enrol.sum()),
        "can_check_in": int(faces.can_check_in.sum()),
        "decisions": [decisions(faces, distances, number) for number in (1, 2, 3)],
        "campus": [campus(faces, distances, templates=number) for number in (1, 2, 3)],
        "continued": [continued(faces, distances, templates=number) for number in (1, 2, 3)],
        "rosters": [
            rosters(faces, distances, students=students, templates=number)
            for students in ROSTERS
            for number in (1, 2, 3)
        ],
    }


def main() -> int:
    default = os.environ.get("CAMPUS_FACES", str(ROOT.parent / "shared" / "faces" / "lfw"))
    models = os.environ.get("CAMPUS_MODELS_DIR", str(ROOT / "var" / "models"))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faces", nargs="?", type=Path, default=Path(default))
    parser.add_argument("--models", type=Path, default=Path(models))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    os.environ.update(CAMPUS_MODELS_DIR=str(options.models), OMP_NUM_THREADS="1")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "campus.settings.test")
    import django

    django.setup()
    result = measure(options.faces)
    print(
        f"{result['photos']} photos, {result['can_enrol']} enrol, {result['can_check_in']} check in"
    )
    for row in result["decisions"]:
        print(
            f"{row['templates']} templates, limit {row['limit']:.3f}: "
            f"{1e4 * row['false_match_rate']:.2f} of 10,000 strangers of "
            f"{row['comparisons_of_strangers']:,} match, {100 * row['own_missed']:.2f} % of own "
            f"photos missed; limit at FMR {FMR:g}: {row['limit_at_fmr']:.4f}"
        )
    for row in result["campus"]:
        print(
            f"campus of {result['people']}, {row['templates']} templates, limit "
            f"{row['limit']:.3f}: {100 * row['own_missed']:.2f} % of {row['own_photos']} missed, "
            f"{row['strangers_named']} of {row['searches_of_strangers']} strangers named"
        )
    for row in result["continued"]:
        print(
            f"{row['templates']} templates: FMR 1e-6 at {row['line']:.3f} by a line, "
            f"{row['parabola']:.3f} by a parabola, {row['normal']:.3f} by a normal distribution; "
            f"nearest of {row['comparisons']:,}: {', '.join(f'{x:.3f}' for x in row['nearest'])}"
        )
    for row in result["rosters"]:
        print(
            f"roster of {row['students']}, {row['templates']} templates: "
            f"{100 * row['own_missed']:.2f} % of {row['own_photos']:,} missed, "
            f"{1e4 * row['wrong_name']:.2f} of 10,000 another's name, "
            f"{100 * row['doubtful']:.2f} % doubtful, "
            f"{100 * row['strangers_named']:.2f} % of strangers named"
        )
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return int(any(row["false_match_rate"] > FMR for row in result["decisions"]))


if __name__ == "__main__":
    sys.exit(main())
