"""The photos and the engine of the tests of faces, and a second engine of another dimension."""

from collections.abc import Iterator

import pytest

from apps.biometrics import engines
from tests.biometrics.conftest import astronaut as astronaut
from tests.biometrics.conftest import astronaut_jpeg as astronaut_jpeg
from tests.biometrics.conftest import astronaut_path as astronaut_path
from tests.biometrics.conftest import demo_faces as demo_faces
from tests.biometrics.conftest import engine as engine
from tests.biometrics.conftest import labelled_faces as labelled_faces
from tests.biometrics.conftest import media as media
from tests.biometrics.conftest import models_dir as models_dir
from tests.biometrics.conftest import people as people
from tests.face_models import second_engine


@pytest.fixture
def second(engine: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Its name; gone again after the test."""
    monkeypatch.setitem(engines._LOADERS, second_engine.NAME, second_engine.__name__)
    yield second_engine.NAME
    engines._load.cache_clear()
