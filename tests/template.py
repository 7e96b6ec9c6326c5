"""A migrated database, made once and copied: every process that runs tests begins with a copy.

Migrating an empty database takes some ten seconds of CPU, which each worker of each run would
spend again. Copies are kept by a key of what makes them (migrations, the embedded servers, the
installed packages) in `$XDG_CACHE_HOME/campus-tests` or `~/.cache/campus-tests`; the newest few
stay. `migrate` runs on each copy all the same and brings rights and permissions up to date.

Each copy has the migrated database twice: `campus`, and `pristine`, from which PostgreSQL makes
others while `campus` is in use.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import distributions
from pathlib import Path

import psycopg

from apps.processes.embedded import EmbeddedStack, Layout

ROOT = Path(__file__).resolve().parents[1]
MADE_FROM = (
    "apps/*/migrations/*.py",
    "apps/*/*/migrations/*.py",
    "apps/tenants/schema.txt",
    "apps/processes/embedded/*.py",
    "campus/settings/*.py",
    "tests/template.py",
)
MOST_KEPT = 5  # about 60 MB each
PRISTINE = "pristine"


def key() -> str:
    """16 hexadecimal digits that change with whatever the migrated database is made from."""
    digest = hashlib.sha256()
    for path in sorted(path for pattern in MADE_FROM for path in ROOT.glob(pattern)):
        digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    for name in sorted({f"{found.name}=={found.version}" for found in distributions()}):
        digest.update(name.encode())
    return digest.hexdigest()[:16]


def cache_folder() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "campus-tests"


def ensure() -> Path:
    """The data directory to copy from, made if it is not there yet."""
    folder = cache_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    template = folder / key()
    with _locked(folder / "lock"):
        if not template.exists():
            _make(template)
            _remove_old(folder)
        template.touch()
    return template


def copy_to(layout: Layout) -> None:
    """Give these embedded servers, not started yet, a copy of the migrated database."""
    layout.make_directories()
    # Owners and modes are kept: as root, PostgreSQL runs as another user.
    subprocess.run(["cp", "-a", ensure(), layout.postgres_data], check=True)


def _make(template: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="campus-template-") as var:
        layout = Layout(Path(var))
        with EmbeddedStack(layout, postgres_options={"fsync": "off"}):
            subprocess.run(
                [sys.executable, "manage.py", "migrate", "--verbosity=0"],
                check=True,
                cwd=ROOT,
                env={
                    **os.environ,
                    "DJANGO_SETTINGS_MODULE": "campus.settings.test",
                    "DATABASE_URL": layout.app_url,
                    "DATABASE_OWNER_URL": layout.owner_url,
                    "REDIS_URL": layout.redis_url,
                    "CAMPUS_VAR": var,
                },
            )
            with psycopg.connect(layout.superuser_url, dbname="postgres", autocommit=True) as made:
                made.execute(f"CREATE DATABASE {PRISTINE} TEMPLATE campus")
        draft = template.with_suffix(".draft")
        shutil.rmtree(draft, ignore_errors=True)
        subprocess.run(["cp", "-a", layout.postgres_data, draft], check=True)
        draft.rename(template)


def _remove_old(folder: Path) -> None:
    templates = [path for path in folder.iterdir() if path.is_dir()]
    templates.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for path in templates[MOST_KEPT:]:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
