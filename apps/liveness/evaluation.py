"""Error rates of head turns: of a campus's own recordings, and of simulated ones (`bench`).

Workers and commands only: it looks at frames. Rates and names after ISO/IEC 30107-3.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from apps.biometrics.engines import cosine_distance
from apps.biometrics.images import ImageRefused, read_photo
from apps.biometrics.worker import engine_spec, observe_for_enrolment
from apps.liveness.judging import Decision, FrameSeen, Verdict, judge
from apps.liveness.turns import Turn, turns_read
from apps.liveness.worker import look_at_frame

LIVE: Final = "live"  # the folder of people who are there
TURNS_FILE: Final = "turns.txt"
ENROLLED: Final = "enrolled"
NO_LIMIT_MS: Final = 10**9
Vector = NDArray[np.float32]


class RecordingUnreadable(ValueError):
    """A recording is not laid out as it should be; the message says where and what."""


@dataclass(frozen=True, kw_only=True)
class RecordedFrame:
    jpeg: bytes
    turn: int
    at_ms: int


@dataclass(frozen=True, kw_only=True)
class Recording:
    name: str
    species: str
    turns: tuple[Turn, ...]
    frames: tuple[RecordedFrame, ...]
    enrolled: tuple[bytes, ...]


@dataclass
class Rates:
    """Of one species: how many recordings were judged how, and why."""

    outcomes: Counter[tuple[Decision, str]] = field(default_factory=Counter)

    def add(self, verdict: Verdict) -> None:
        self.outcomes[verdict.decision, verdict.reason] += 1

    @property
    def tries(self) -> int:
        return self.outcomes.total()

    def count(self, decision: Decision) -> int:
        return sum(n for (found, _why), n in self.outcomes.items() if found == decision)


def wilson(hits: int, tries: int) -> tuple[float, float]:
    """The 95 % interval of a share, 0..1. E. B. Wilson, JASA 22 (1927), p. 209."""
    if not tries:
        return 0.0, 1.0
    z, share = 1.959964, hits / tries
    middle = share + z * z / (2 * tries)
    spread = z * float(np.sqrt(share * (1 - share) / tries + z * z / (4 * tries * tries)))
    whole = 1 + z * z / tries
    return max(0.0, (middle - spread) / whole), min(1.0, (middle + spread) / whole)


def judged(
    frames: Sequence[RecordedFrame],
    turns: Sequence[Turn],
    templates: Sequence[Vector],
    *,
    known: Sequence[bytes] = (),
) -> tuple[Verdict, list[bytes]]:
    """The verdict about frames of which the fingerprints `known` were there before, and theirs."""
    seen: list[FrameSeen] = []
    prints: list[bytes] = []
    before: Vector | None = None
    looks = [look_at_frame(frame.jpeg) for frame in frames]
    for frame, look in zip(frames, looks, strict=True):
        template = neighbour = None
        if look.vector is not None:
            template = float(np.mean([cosine_distance(look.vector, one) for one in templates]))
            neighbour = None if before is None else cosine_distance(look.vector, before)
        before = look.vector
        prints += [look.fingerprint] if look.fingerprint else []
        seen.append(
            FrameSeen(
                turn=frame.turn,
                at_ms=frame.at_ms,
                face=look.face,
                poor=look.poor,
                template=template,
                neighbour=neighbour,
                nose=look.nose_since(looks[0]) if frame.turn else None,
                used_before=look.is_copy_of(list(known)),
            )
        )
    spec = engine_spec()
    limit = spec.threshold + spec.margin(len(templates))
    return judge(seen, turns, limit=limit, elapsed_ms=NO_LIMIT_MS), prints


def recordings_in(folder: Path) -> Iterator[Recording]:
    """`<species>/<recording>/` with `turns.txt` (`left,up`), `enrolled*.jpg` of the person who is
    meant, and frames `<turn>_<milliseconds>.jpg`. Raises `RecordingUnreadable`."""
    for species in sorted(path for path in folder.iterdir() if path.is_dir()):
        for place in sorted(path for path in species.iterdir() if path.is_dir()):
            yield _recording(place, species=species.name)


def _recording(place: Path, *, species: str) -> Recording:
    try:
        turns = turns_read((place / TURNS_FILE).read_text(encoding="utf-8").strip())
        pictures = sorted(place.glob("*.jpg"))
        enrolled = tuple(p.read_bytes() for p in pictures if p.stem.startswith(ENROLLED))
        named = [p for p in pictures if not p.stem.startswith(ENROLLED)]
        frames = [_frame(path) for path in named]
    except (OSError, ValueError) as error:
        raise RecordingUnreadable(f"{place}: {error}") from error
    if not turns or not frames or not enrolled:
        message = f"{place}: it needs {TURNS_FILE}, {ENROLLED}*.jpg and <turn>_<ms>.jpg."
        raise RecordingUnreadable(message)
    return Recording(
        name=place.name,
        species=species,
        turns=turns,
        frames=tuple(sorted(frames, key=lambda frame: frame.at_ms)),
        enrolled=enrolled,
    )


def _frame(path: Path) -> RecordedFrame:
    turn, _, at_ms = path.stem.partition("_")
    return RecordedFrame(jpeg=path.read_bytes(), turn=int(turn), at_ms=int(at_ms))


def templates_of(recording: Recording) -> list[Vector]:
    """The photos that can be enrolled; raises `RecordingUnreadable` where none can."""
    found = []
    for data in recording.enrolled:
        try:
            vector = observe_for_enrolment(read_photo(data).jpeg()).vector
        except ImageRefused:
            vector = None
        if vector is not None:
            found.append(vector)
    if not found:
        message = f"{recording.species}/{recording.name}: no photo of it can be enrolled."
        raise RecordingUnreadable(message)
    return found


def rates_of(recordings: Iterator[Recording]) -> dict[str, Rates]:
    """By species. Every recording is judged by itself: none is a copy of another one."""
    found: dict[str, Rates] = {}
    for recording in recordings:
        verdict, _prints = judged(recording.frames, recording.turns, templates_of(recording))
        found.setdefault(recording.species, Rates()).add(verdict)
    return found


def line_of(species: str, rates: Rates) -> str:
    """One species in words: BPCER of the live, APCER of the others, with the 95 % interval."""
    passed = rates.count(Decision.PASSED)
    name, hits = ("BPCER", rates.tries - passed) if species == LIVE else ("APCER", passed)
    low, high = wilson(hits, rates.tries)
    reasons = Counter[str]()
    for (decision, why), count in rates.outcomes.items():
        reasons[f"{decision.value} {why}".strip()] += count
    details = ", ".join(f"{count} {what}" for what, count in reasons.most_common())
    share = 100 * hits / max(rates.tries, 1)
    return (
        f"{species:16} {name} {share:5.1f} % ({100 * low:.1f} to {100 * high:.1f}) "
        f"of {rates.tries}: {details}"
    )


def as_json(rates: Rates, *, species: str) -> dict[str, Any]:
    passed = rates.count(Decision.PASSED)
    hits = rates.tries - passed if species == LIVE else passed
    low, high = wilson(hits, rates.tries)
    return {
        "tries": rates.tries,
        "rate": hits / max(rates.tries, 1),
        "low": low,
        "high": high,
        "failed": rates.count(Decision.FAILED),
        "outcomes": {f"{d.value} {why}".strip(): n for (d, why), n in rates.outcomes.items()},
    }
