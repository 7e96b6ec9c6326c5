"""The installed weights: where they lie, whether they are whole, and how they get there."""

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from apps.biometrics.weights.catalogue import CATALOGUE, WeightFile, WeightsMissing, WrongHash

Report = Callable[[str], None]


class WeightsSource(Protocol):
    """Somewhere the published files can be read from."""

    def read(self, file: WeightFile) -> bytes:
        """The file's bytes, unchecked; raises `SourceUnavailable`."""
        ...


def weights_dir(models_dir: Path) -> Path:
    """Where deepface looks below its home."""
    return models_dir / ".deepface" / "weights"


def file_sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def missing_files(
    models_dir: Path, *, catalogue: Sequence[WeightFile] = CATALOGUE
) -> list[WeightFile]:
    """Catalogue files that are absent or not the installed version."""
    folder = weights_dir(models_dir)
    return [file for file in catalogue if not _is_installed(folder / file.installed_name, file)]


def verified_path(models_dir: Path, file: WeightFile) -> Path:
    """The installed file, its hash checked; raises `WeightsMissing` or `WrongHash`."""
    path = weights_dir(models_dir) / file.installed_name
    if not path.is_file():
        raise WeightsMissing(f"{path} is missing. Run: manage.py fetch_models")
    if file_sha256(path) != file.installed_sha256:
        raise WrongHash(f"{path} is not the published file. Run: manage.py fetch_models")
    return path


def install(
    source: WeightsSource,
    *,
    models_dir: Path,
    report: Report,
    missing_only: bool = False,
    catalogue: Sequence[WeightFile] = CATALOGUE,
) -> list[Path]:
    """Bring the catalogue's files into `models_dir` and return the paths written.

    Each file appears whole or not at all; a second run at the same time waits for the first.
    Raises `SourceUnavailable` or `WrongHash`, and then keeps what was installed before.
    """
    with _alone(models_dir):
        wanted = missing_files(models_dir, catalogue=catalogue) if missing_only else catalogue
        written = []
        for file in wanted:
            report(file.installed_name)
            content = _converted(file, source.read(file))
            written.append(_write(weights_dir(models_dir) / file.installed_name, content))
        return written


def checked(content: bytes, *, sha256: str, name: str) -> bytes:
    """The content, if its hash is the expected one; raises `WrongHash`."""
    actual = hashlib.sha256(content).hexdigest()
    if actual != sha256:
        raise WrongHash(
            f"{name} has SHA-256 {actual}, expected {sha256} ({len(content)} bytes). "
            "Nothing was installed from it."
        )
    return content


def _converted(file: WeightFile, content: bytes) -> bytes:
    checked(content, sha256=file.published_sha256, name=file.published_name)
    if file.fold:
        from apps.biometrics.weights.folding import fold_quantised  # onnx is slow to import

        content = fold_quantised(content)
    return checked(content, sha256=file.installed_sha256, name=file.installed_name)


def _is_installed(path: Path, file: WeightFile) -> bool:
    return path.is_file() and file_sha256(path) == file.installed_sha256


def _write(path: Path, content: bytes) -> Path:
    """Write beside the target and rename, so that a reader never sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    return path


@contextmanager
def _alone(models_dir: Path) -> Iterator[None]:
    """An exclusive lock on the models folder; the kernel frees it if the process dies."""
    models_dir.mkdir(parents=True, exist_ok=True)
    with (models_dir / ".lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
