"""Face photos and a loaded engine, taken from what this machine has; skipped with the reason."""

import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from django.conf import settings as project
from pytest_django.fixtures import Settings

from apps.biometrics.engines import Engine, Pixels, get_engine
from apps.biometrics.images import read_photo
from apps.biometrics.quality import ENROLMENT, assess
from apps.biometrics.weights.catalogue import SourceUnavailable
from apps.biometrics.weights.demo_faces import fetch_demo_faces
from apps.biometrics.weights.sources import open_source
from apps.biometrics.weights.store import install, missing_files

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def models_dir() -> Path:
    """The project's models folder, filled with pip the first time."""
    folder = Path(project.CAMPUS_MODELS_DIR)
    if missing_files(folder):
        try:
            with open_source(None) as source:
                install(source, models_dir=folder, missing_only=True, report=lambda _: None)
        except SourceUnavailable as error:
            pytest.skip(f"the face models are not installed and cannot be fetched: {error}")
    return folder


@pytest.fixture(scope="session")
def engine(models_dir: Path) -> Engine:
    return get_engine("sface", models_dir=models_dir)


@pytest.fixture(scope="session")
def astronaut_path() -> Path:
    """NASA's portrait of an astronaut (public domain), which scikit-image ships."""
    spec = find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("scikit-image (extra [test]) is not installed")
    return Path(spec.submodule_search_locations[0], "data", "astronaut.png")


@pytest.fixture(scope="session")
def astronaut(astronaut_path: Path) -> Pixels:
    return read_photo(astronaut_path.read_bytes()).pixels()


@pytest.fixture(scope="session")
def demo_faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo-faces")
    try:
        fetch_demo_faces(folder, report=lambda _: None)
    except SourceUnavailable as error:
        pytest.skip(f"the demo portraits cannot be fetched: {error}")
    return folder


@pytest.fixture(scope="session")
def labelled_faces() -> Path:
    default = PROJECT.parent / "shared" / "faces" / "lfw"
    folder = Path(os.environ.get("CAMPUS_FACES", default))
    if not folder.is_dir():
        pytest.skip(f"no labelled face photos in {folder} (set CAMPUS_FACES)")
    return folder


@pytest.fixture
def noise() -> Pixels:
    generator = np.random.default_rng(seed=7)
    return generator.integers(0, 256, size=(480, 640, 3), dtype=np.uint8)


@pytest.fixture(scope="session")
def astronaut_jpeg(astronaut_path: Path) -> bytes:
    """The portrait as the platform keeps it."""
    return read_photo(astronaut_path.read_bytes()).jpeg()


@pytest.fixture
def media(tmp_path: Path, settings: Settings) -> Path:
    """An empty default storage of files."""
    folder = tmp_path / "media"
    folder.mkdir()
    options = {"location": folder, "file_permissions_mode": 0o600}
    default = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": options}
    settings.STORAGES = {**settings.STORAGES, "default": default}
    return folder


@pytest.fixture(scope="session")
def people(labelled_faces: Path, engine: Engine) -> list[list[bytes]]:
    """Three people, each with four photos that could all be enrolled, as they are kept."""
    found: list[list[bytes]] = []
    for folder in sorted(labelled_faces.iterdir()):
        photos = [read_photo(path.read_bytes()) for path in sorted(folder.glob("*.jpg"))]
        usable = [p for p in photos if _passes(engine, p.pixels())]
        if len(photos) == len(usable) >= 4:
            found.append([photo.jpeg() for photo in photos])
        if len(found) == 3:
            return found
    pytest.skip("the labelled face photos hold fewer than three people with four good photos")


def _passes(engine: Engine, pixels: Pixels) -> bool:
    return assess(pixels, engine.detect(pixels), ENROLMENT).passed
