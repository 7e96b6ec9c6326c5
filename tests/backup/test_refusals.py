"""What must not happen: a backup that lacks something, or half of one under a final name."""

import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from apps.backup import dumps
from apps.backup.errors import BackupFailed, BackupRuns, Damaged, OtherBackupKey
from apps.backup.making import backup_make, one_at_a_time
from apps.backup.manifests import FULL, INCREMENTAL, Manifest, backup_ids
from apps.backup.restoring import Wanted, choose, restore_into_var
from apps.backup.server import configured_server
from apps.backup.tables import Content
from apps.backup.targets import FolderTarget, TargetFailed, target_from
from apps.backup.verifying import backup_verify
from apps.tenants.master_key import WrongMasterKey
from tests.backup.support import FAST, Installation

NOW = datetime(2026, 9, 14, 8, 0, tzinfo=UTC)

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("here")]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "backups"


@pytest.fixture
def target(place: Path) -> FolderTarget:
    return FolderTarget(place)


@pytest.fixture
def made(target: FolderTarget) -> Manifest:
    return backup_make(target=target, kind=FULL, now=NOW)


def files_of(place: Path) -> list[Path]:
    return [path for path in place.rglob("*") if path.is_file()]


def test_roles_that_row_security_binds_back_nothing_up(
    here: Installation, target: FolderTarget, settings: Settings
) -> None:
    for url in (here.layout.owner_url, here.layout.app_url):
        settings.BACKUP_DATABASE_URL = url
        with pytest.raises(BackupFailed, match="does not see every row"):
            backup_make(target=target, kind=None, now=NOW)
    settings.BACKUP_DATABASE_URL = ""
    with pytest.raises(BackupFailed, match="BACKUP_DATABASE_URL is not set"):
        backup_make(target=target, kind=None, now=NOW)
    assert backup_ids(target) == []


def test_a_dump_that_lacks_rows_is_refused(here: Installation, tmp_path: Path) -> None:
    path = tmp_path / "dump"
    contents = dumps.make_dump(configured_server(), path=path)
    assert contents["accounts_student"].rows >= 8
    there = contents["accounts_student"]
    with pytest.raises(BackupFailed, match="accounts_student: 8 of 9 rows"):
        dumps.compare_dump(
            path, {**contents, "accounts_student": Content(there.rows + 1, there.checksum)}
        )


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "none", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("this user may not mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_leaves_nothing_under_a_final_name(
    here: Installation, small_disk: Path
) -> None:
    with pytest.raises(TargetFailed, match="No space left"):
        backup_make(target=FolderTarget(small_disk), kind=FULL, now=NOW)
    left = [path for path in files_of(small_disk) if "backups" in path.parts]
    assert left == []
    assert backup_ids(FolderTarget(small_disk)) == []
    assert list((here.var / "backup").glob("work-*")) == []


def test_two_at_once_are_refused(target: FolderTarget) -> None:
    with one_at_a_time("backup"), pytest.raises(BackupRuns):
        backup_make(target=target, kind=FULL, now=NOW)


def test_an_incremental_one_needs_another(target: FolderTarget) -> None:
    with pytest.raises(BackupFailed, match="nothing to build on"):
        backup_make(target=target, kind=INCREMENTAL, now=NOW)


def test_another_master_key_backs_nothing_up_and_restores_nothing(
    made: Manifest, target: FolderTarget, settings: Settings
) -> None:
    settings.CAMPUS_MASTER_KEY = bytes(reversed(range(32)))
    with pytest.raises(WrongMasterKey):
        backup_make(target=target, kind=FULL, now=NOW + timedelta(days=1))
    with pytest.raises(BackupFailed, match=r"another CAMPUS_MASTER_KEY.*Nothing was restored"):
        choose(target, backup="latest", moment=None)


def test_another_backup_key_restores_nothing(
    made: Manifest, target: FolderTarget, settings: Settings
) -> None:
    settings.BACKUP_KEY = bytes(reversed(range(32)))
    with pytest.raises(Damaged, match=f"another BACKUP_KEY. Expected: .* {made.backup_key}"):
        choose(target, backup=made.id, moment=None)


def test_another_backup_key_backs_nothing_up(
    made: Manifest, target: FolderTarget, settings: Settings
) -> None:
    before = target.names("")
    settings.BACKUP_KEY = bytes(reversed(range(32)))
    with pytest.raises(OtherBackupKey, match=f"Expected: .* {made.backup_key}.*Nothing was"):
        backup_make(target=target, kind=FULL, now=NOW + timedelta(days=1))
    assert target.names("") == before


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def flip(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(bytes(raw))


@pytest.mark.parametrize("harm", [cut_off, flip, Path.unlink])
def test_a_damaged_archive_is_named_and_restores_nothing(
    made: Manifest,
    target: FolderTarget,
    place: Path,
    tmp_path: Path,
    harm: Callable[[Path], None],
) -> None:
    harm(place / "backups" / made.id / "base.tar.gz")
    wrong = backup_verify(target=target, manifest=made).wrong
    assert len(wrong) == 1
    assert f"backups/{made.id}/base.tar.gz" in wrong[0]
    with pytest.raises(Damaged):
        restore_into_var(
            target=target,
            wanted=Wanted(manifest=made, moment=None),
            var=tmp_path / "var",
            replace=False,
            now=NOW,
            options=FAST,
        )
    assert list((tmp_path / "var").iterdir()) == []


def test_a_lost_or_damaged_image_is_named(
    made: Manifest, target: FolderTarget, place: Path
) -> None:
    first, second = sorted(files_of(place / "objects"))[:2]
    first.unlink()
    flip(second)
    wrong = backup_verify(target=target, manifest=made).wrong
    assert len(wrong) == 2
    assert len(backup_verify(target=target, manifest=made, quick=True).wrong) == 1


def test_a_changed_manifest_is_refused(made: Manifest, target: FolderTarget, place: Path) -> None:
    path = place / "backups" / made.id / "manifest.json"
    path.write_text(path.read_text().replace(f'"rows": {made.rows}', '"rows": 1'))
    with pytest.raises(Damaged, match="signature does not fit"):
        choose(target, backup=made.id, moment=None)


def test_a_database_that_is_there_is_not_overwritten(
    here: Installation, made: Manifest, target: FolderTarget
) -> None:
    wanted = Wanted(manifest=made, moment=None)
    options = {"target": target, "wanted": wanted, "var": here.var, "now": NOW}
    with pytest.raises(BackupFailed, match="--replace"):
        restore_into_var(replace=False, **options)
    with pytest.raises(BackupFailed, match="PostgreSQL runs in"):
        restore_into_var(replace=True, **options)


@pytest.mark.parametrize("place", ["", "s3://", "ftp://host/folder"])
def test_places_that_are_none(place: str) -> None:
    with pytest.raises(BackupFailed):
        target_from(place)
