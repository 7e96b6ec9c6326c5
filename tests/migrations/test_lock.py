"""Released migrations are never edited."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def lock() -> ModuleType:
    spec = importlib.util.spec_from_file_location("lock", ROOT / ".ci/migrations_lock.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_migration_is_as_it_was_released(lock: ModuleType) -> None:
    assert lock.problems(lock.locked(lock.LOCK.read_text()), lock.found()) == []


def test_an_edited_a_lost_and_a_new_one_are_named(lock: ModuleType, tmp_path: Path) -> None:
    folder = tmp_path / "apps/rooms/migrations"
    folder.mkdir(parents=True)
    for name in ("0001_initial", "0002_floors"):
        (folder / f"{name}.py").write_text(name)
    known = lock.found(tmp_path)
    assert lock.problems(known, lock.found(tmp_path)) == []
    (folder / "0001_initial.py").write_text("edited")
    (folder / "0002_floors.py").unlink()
    (folder / "0003_doors.py").write_text("new")
    edited, gone, new = lock.problems(known, lock.found(tmp_path))
    assert edited.startswith("rooms/0001_initial was edited.")
    assert gone.startswith("rooms/0002_floors is gone.")
    assert new.startswith("rooms/0003_doors is new.")
