"""Whether every migration is as it was released; `.ci/migrations.lock` knows their SHA-256.

python .ci/migrations_lock.py          compares, and fails with what was edited
python .ci/migrations_lock.py --add    enters new migrations; known ones are never rewritten
"""

import hashlib
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = Path(__file__).with_name("migrations.lock")


def found(root: Path = ROOT) -> dict[str, str]:
    """Migration → digest of its file."""
    return {
        f"{path.parts[-3]}/{path.stem}": hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.glob("apps/*/migrations/[0-9]*.py"))
    }


def locked(text: str) -> dict[str, str]:
    return dict(line.split() for line in text.splitlines())


def problems(known: dict[str, str], here: dict[str, str]) -> list[str]:
    edited = [name for name in known if name in here and here[name] != known[name]]
    return [
        *(
            f"{name} was edited. It has been applied elsewhere, where nobody applies it again: "
            "restore it, and write another migration for the change."
            for name in edited
        ),
        *(f"{name} is gone. It has been applied elsewhere." for name in known if name not in here),
        *(
            f"{name} is new. Enter it with: python .ci/migrations_lock.py --add"
            for name in here
            if name not in known
        ),
    ]


def main() -> int:
    known, here = locked(LOCK.read_text() if LOCK.exists() else ""), found()
    if "--add" in sys.argv[1:]:
        entered = here | known
        LOCK.write_text("".join(f"{name} {entered[name]}\n" for name in sorted(entered)))
        known = entered
    for problem in problems(known, here):
        sys.stdout.write(f"{problem}\n")
    return 1 if problems(known, here) else 0


if __name__ == "__main__":
    sys.exit(main())
