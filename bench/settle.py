"""Check-ins settled per second by one face worker, against the bare engine on the same photos.

    python -m bench.settle [FACES] [--models DIR] [--people 100] [--rounds 3] [--json FILE]

FACES holds `<person>/<n>.jpg` (default: $CAMPUS_FACES, else ../shared/faces/lfw). Everybody's
first photo is enrolled; in each round everybody checks in with the second one, and one process
settles these attempts as a worker does, one after the other on one thread: read the selfie from
the storage, find and embed the face, compare it, judge, write record, history and audit. The bare
engine (bench/faces.py) gets the same photos, decoded beforehand. Promise: at most twice the
bare engine's time.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

from bench.check_in import Hall, set_up

ROOT = Path(__file__).resolve().parents[1]
MAX_RATIO = 2.0


def pairs_of(faces: Path, people: int) -> list[tuple[Path, Path]]:
    """Two photos each of so many people."""
    folders = (sorted(folder.glob("*.jpg")) for folder in sorted(faces.iterdir()))
    return [(photos[0], photos[1]) for photos in folders if len(photos) > 1][:people]


def enrol_all(hall: Hall, photos: list[Path]) -> list[Any]:
    """Enrol the photos, one per student; the students whose photo passed the gate, else None."""
    from django.utils import timezone

    from apps.accounts.models import Student
    from apps.audit.services import SYSTEM
    from apps.biometrics.images import read_photo
    from apps.biometrics.models import FaceSample
    from apps.biometrics.services import sample_add, sample_judge
    from apps.privacy.models import Consent
    from apps.privacy.services import consent_give
    from apps.privacy.wording import WORDINGS
    from apps.tenants.models import Campus

    Campus.objects.filter(pk=hall.campus.pk).update(face_enabled=True)
    enrolled: list[Any] = []
    for student, path in zip(Student.objects.order_by("pk"), photos, strict=True):
        now = timezone.now()
        version = WORDINGS[Consent.Kind.FACE].version
        consent_give(student=student, kind="face", version=version, now=now, actor=SYSTEM)
        jpeg = read_photo(path.read_bytes()).jpeg()
        sample = sample_add(student=student, data=jpeg, actor=SYSTEM, now=now)
        sample_judge(sample_id=sample.pk, now=now)
        sample.refresh_from_db()
        enrolled.append(student if sample.status == FaceSample.Status.ACCEPTED else None)
    return enrolled


def pending_attempt(student: Any, key: Any, session_id: int, selfie: bytes) -> uuid.UUID | None:
    """Redeem and check in; the attempt's id when it waits for its face."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from django.utils import timezone

    from apps.audit.services import SYSTEM
    from apps.checkin.models import Outcome
    from apps.checkin.services.check_in import Submission, check_in
    from apps.checkin.services.redeem import redeem_token
    from apps.qr_otp.selectors import shown_code

    now = timezone.now()
    code = shown_code(purpose="check_in", subject=str(session_id), now=now)
    assert code is not None
    redemption = redeem_token(user=student.user, token=code.token, now=now)
    submission = Submission(
        ticket=redemption.ticket,
        nonce=uuid.uuid4().hex,
        message=b"bench",
        signature=key.sign(b"bench", ec.ECDSA(hashes.SHA256())),
        selfie=selfie,
    )
    attempt, _made = check_in(user=student.user, submission=submission, now=now, actor=SYSTEM)
    return attempt.pk if attempt.outcome == Outcome.PENDING else None


def settle_seconds(campus: Any, attempt_id: uuid.UUID) -> float:
    """What the task does with its message: enter the campus, settle, commit."""
    from django.utils import timezone

    from apps.checkin.services.settle import settle_with_face
    from apps.tenants.scope import campus_scope

    started = time.perf_counter()
    with campus_scope(campus):
        settled = settle_with_face(attempt_id=attempt_id, now=timezone.now())
    assert settled is not None
    return time.perf_counter() - started


def play_round(
    hall: Hall, enrolled: list[Any], selfies: list[bytes], bare: Any
) -> dict[str, list[float]]:
    from apps.biometrics.images import read_photo
    from apps.tenants.scope import campus_scope

    session_id = hall.open()
    attempts: list[uuid.UUID] = []
    used: list[bytes] = []
    for student, key, selfie in zip(enrolled, hall.keys, selfies, strict=True):
        with campus_scope(hall.campus):
            attempt = pending_attempt(student, key, session_id, selfie) if student else None
        if attempt is not None:
            attempts.append(attempt)
            used.append(selfie)
    settled = [settle_seconds(hall.campus, attempt_id) for attempt_id in attempts]
    bare_times = []
    for selfie in used:
        image = read_photo(selfie).pixels()
        started = time.perf_counter()
        bare(image)
        bare_times.append(time.perf_counter() - started)
    hall.close(session_id)
    return {"settle": settled, "bare": bare_times}


def measure(options: argparse.Namespace, var: Path) -> dict[str, Any]:
    """Set up a campus of these people and play the rounds."""
    set_up(var)
    import psutil
    from django.conf import settings

    from apps.biometrics.images import read_photo
    from apps.tenants.scope import campus_scope
    from bench.faces import bare_opencv

    pairs = pairs_of(options.faces, options.people)
    hall = Hall(len(pairs))
    with campus_scope(hall.campus):
        enrolled = enrol_all(hall, [first for first, _second in pairs])
    selfies = [read_photo(second.read_bytes()).jpeg() for _first, second in pairs]
    bare = bare_opencv(Path(settings.CAMPUS_MODELS_DIR))
    rounds = [play_round(hall, enrolled, selfies, bare) for _ in range(options.rounds)]
    settle = [statistics.median(r["settle"]) for r in rounds]
    engine = [statistics.median(r["bare"]) for r in rounds]
    ratios = [mine / theirs for mine, theirs in zip(settle, engine, strict=True)]
    return {
        "check_ins": len(rounds[0]["settle"]),
        "settle_ms": 1000 * statistics.median(settle),
        "bare_ms": 1000 * statistics.median(engine),
        "per_second": 1 / statistics.median(settle),
        "ratio": statistics.median(ratios),
        "rss_mb": psutil.Process().memory_info().rss // 2**20,
    }


def main() -> int:
    default = os.environ.get("CAMPUS_FACES", str(ROOT.parent / "shared" / "faces" / "lfw"))
    models = os.environ.get("CAMPUS_MODELS_DIR", str(ROOT / "var" / "models"))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faces", nargs="?", type=Path, default=Path(default))
    parser.add_argument("--models", type=Path, default=Path(models))
    parser.add_argument("--people", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    os.environ.update(CAMPUS_MODELS_DIR=str(options.models), OMP_NUM_THREADS="1")
    from apps.processes.embedded import EmbeddedStack, Layout

    with tempfile.TemporaryDirectory(prefix="campus-bench-") as folder:
        stack = EmbeddedStack(Layout(Path(folder)))
        stack.start()
        try:
            result = measure(options, Path(folder))
        finally:
            stack.stop()
    print(
        f"{result['check_ins']} check-ins a round: settled in {result['settle_ms']:.1f} ms "
        f"({result['per_second']:.1f} a second), bare engine {result['bare_ms']:.1f} ms, "
        f"ratio {result['ratio']:.2f} (at most {MAX_RATIO}); process {result['rss_mb']} MB"
    )
    if options.json:
        options.json.write_text(json.dumps(result, indent=2))
    return int(result["ratio"] > MAX_RATIO)


if __name__ == "__main__":
    sys.exit(main())
