"""One filled installation for all; tests that change or destroy something make their own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.core.files.storage import storages
from pytest_django.fixtures import Settings

from tests.backup.support import Installation


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    place = tmp_path_factory.mktemp("campus") / "var"
    installation = Installation(place, archives=True).migrated().start()
    installation.scene("fill")
    yield installation
    installation.stop()


@pytest.fixture
def another(tmp_path: Path) -> Iterator[Callable[[str], Installation]]:
    """Makes the installation of a folder, not started; all are stopped in the end."""
    made: list[Installation] = []

    def make(name: str) -> Installation:
        made.append(Installation(tmp_path / name))
        return made[-1]

    yield make
    for installation in made:
        installation.stop()


@pytest.fixture
def here(filled: Installation, settings: Settings) -> Installation:
    """The filled installation as that of this process: for calls without a process of its own."""
    settings.CAMPUS_VAR = filled.var
    settings.BACKUP_DATABASE_URL = filled.layout.superuser_url
    settings.DATABASES["default"]["NAME"] = "campus"
    default = settings.STORAGES["default"]
    place = {**default["OPTIONS"], "location": filled.var / "media"}
    settings.STORAGES = {**settings.STORAGES, "default": {**default, "OPTIONS": place}}
    assert storages["default"].location == str(filled.var / "media")  # type: ignore[attr-defined]
    return filled
