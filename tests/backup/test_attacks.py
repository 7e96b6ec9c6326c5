"""A place of backups where somebody else writes too, and names in a bucket that lead outside."""

import hashlib
import json
import os
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.storage import FileSystemStorage
from pytest_django.fixtures import Settings

from apps.backup.errors import Damaged
from apps.backup.manifests import Manifest, open_file, read_manifest, write_manifest
from apps.backup.objects import INDEX, StoredObject, _pool_name, _write, put_back
from apps.backup.restoring import choose
from apps.backup.targets import FolderTarget
from tests.backup.test_keeping import NOW, noted, target

__all__ = ["target"]


@pytest.fixture
def made(target: FolderTarget) -> Manifest:
    return noted(target, NOW)


def place_of(target: FolderTarget) -> Path:
    return Path(target.label)


def test_an_old_backup_under_a_new_name_is_refused(made: Manifest, target: FolderTarget) -> None:
    newer = f"{NOW + timedelta(days=9):%Y%m%dT%H%M%SZ}-full"
    folder = place_of(target) / "backups"
    shutil.copytree(folder / made.id, folder / newer)
    with pytest.raises(Damaged, match="signature does not fit"):
        read_manifest(target, newer)
    assert choose(target, backup="latest", moment=None).manifest.id == made.id
    path = folder / newer / "manifest.json"
    path.write_text(path.read_text().replace(made.id, newer))
    with pytest.raises(Damaged, match="signature does not fit"):
        read_manifest(target, newer)


def test_a_manifest_that_another_key_signed_is_refused(
    made: Manifest, target: FolderTarget, settings: Settings
) -> None:
    """Also where it says that it is ours."""
    path = place_of(target) / "backups" / made.id / "manifest.json"
    ours, settings.BACKUP_KEY = settings.BACKUP_KEY, bytes(reversed(range(32)))
    write_manifest(target, made)
    settings.BACKUP_KEY = ours
    assert json.loads(path.read_text())["backup_key"] == made.backup_key
    with pytest.raises(Damaged, match="signature does not fit"):
        read_manifest(target, made.id)


def test_a_link_in_the_place_of_a_file_is_no_backup(
    made: Manifest, target: FolderTarget, tmp_path: Path
) -> None:
    path = place_of(target) / "backups" / made.id / INDEX
    path.unlink()
    path.symlink_to("/etc/passwd")
    with pytest.raises(Damaged), open_file(target, made, INDEX) as source:
        source.read()


def test_a_link_in_the_place_of_a_draft_is_not_written_through(
    target: FolderTarget, tmp_path: Path
) -> None:
    victim = tmp_path / "settings.env"
    victim.write_text("kept")
    folder = place_of(target) / "backups" / "x"
    folder.mkdir(parents=True)
    (folder / f".one.{os.getpid()}.part").symlink_to(victim)
    with target.create("backups/x/one") as file:
        file.write(b"sealed")
    assert victim.read_text() == "kept"
    assert not (folder / "one").is_symlink()


@pytest.mark.parametrize("name", ["../out", "/tmp/out", "a/../../out", ".."])
def test_names_that_lead_out_of_the_storage_keep_nothing_else_from_coming_back(
    target: FolderTarget, tmp_path: Path, name: str
) -> None:
    """In a bucket whoever may write there can use such names."""
    data = b"image"
    digest = hashlib.sha256(data).hexdigest()
    _write(target, _pool_name(digest), data)
    entries = {
        key: StoredObject(key=key, size=len(data), stamp="x", digest=digest)
        for key in (name, "images/right")
    }
    storage = FileSystemStorage(location=tmp_path / "media")
    assert put_back(storage, target, entries) == [name]
    assert (tmp_path / "media/images/right").read_bytes() == data
    assert not (tmp_path / "out").exists()


def test_a_sealed_file_of_one_backup_is_no_file_of_another(
    made: Manifest, target: FolderTarget
) -> None:
    other = noted(target, NOW + timedelta(days=1))
    folder = place_of(target) / "backups"
    shutil.copy(folder / other.id / INDEX, folder / made.id / INDEX)
    with pytest.raises(Damaged), open_file(target, made, INDEX) as source:
        source.read()
