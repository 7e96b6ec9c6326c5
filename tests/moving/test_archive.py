"""The file itself: whole, or not read at all."""

import hashlib
from functools import lru_cache
from pathlib import Path

import pytest

from apps.backup.errors import BackupFailed, Damaged
from apps.backup.sealing import Lock
from apps.backup.targets import FolderTarget
from apps.moving.archive import MANIFEST, create_archive, lock_of, open_archive, place_of
from apps.moving.contents import Contents, file_take
from apps.tenants.moving import live_keys, travel_keys

NAME = "one.campus"


@pytest.fixture(scope="module")
def lock() -> Lock:
    """Of a passphrase; the key for a salt is computed once for all of these tests."""
    slow = lock_of("correct horse battery staple")
    return Lock(magic=slow.magic, key_of=lru_cache(slow.key_of), word=slow.word)


@pytest.fixture
def archive(lock: Lock, tmp_path: Path) -> bytes:
    with create_archive(FolderTarget(tmp_path), NAME, lock=lock, head={"id": 1}) as writer:
        writer.lines("tables/one", ({"id": number} for number in range(2_000)), table="one")
        writer.record("file", [b"\x00" * 3_000_000], key="a/b")
        writer.lines(MANIFEST, [{"files": 1}])
    return (tmp_path / NAME).read_bytes()


def read(folder: Path, lock: Lock) -> dict[str, int]:
    """Records with their lengths in bytes."""
    with open_archive(FolderTarget(folder), NAME, lock=lock) as records:
        return {record.name: len(record.content()) for record in records}


def test_it_comes_back_as_it_was_written(archive: bytes, lock: Lock, tmp_path: Path) -> None:
    found = read(tmp_path, lock)
    assert list(found) == ["head", "tables/one", "file", MANIFEST]
    assert found["file"] == 3_000_000
    with open_archive(FolderTarget(tmp_path), NAME, lock=lock) as records:
        rows = [row["id"] for record in records for row in record.rows() if "table" in record.facts]
    assert rows == list(range(2_000))


def test_a_reader_may_leave_records_out(archive: bytes, lock: Lock, tmp_path: Path) -> None:
    with open_archive(FolderTarget(tmp_path), NAME, lock=lock) as records:
        assert [record.name for record in records] == ["head", "tables/one", "file", MANIFEST]
    with open_archive(FolderTarget(tmp_path), NAME, lock=lock) as records:
        assert next(records).name == "head"


def test_no_byte_can_be_cut_off_added_or_changed(
    archive: bytes, lock: Lock, tmp_path: Path
) -> None:
    path = tmp_path / NAME
    places = range(0, len(archive), max(1, len(archive) // 40))
    for place in places:
        changed = archive[:place] + bytes([archive[place] ^ 1]) + archive[place + 1 :]
        for damaged in (changed, archive[:place]):
            path.write_bytes(damaged)
            with pytest.raises(Damaged):
                read(tmp_path, lock)
    path.write_bytes(archive + b"x")
    with pytest.raises(Damaged):
        read(tmp_path, lock)


def test_another_key_and_another_file_are_named(archive: bytes, tmp_path: Path) -> None:
    with pytest.raises(Damaged, match="another passphrase"):
        read(tmp_path, lock_of("another passphrase than that"))
    with pytest.raises(Damaged, match="give it by --passphrase-file"):
        read(tmp_path, lock_of(None))
    (tmp_path / NAME).write_bytes(b"PK\x03\x04")
    with pytest.raises(Damaged, match="is no archive of a campus"):
        read(tmp_path, lock_of(None))
    (tmp_path / NAME).unlink()
    with pytest.raises(BackupFailed, match=r"There is no one\.campus"):
        read(tmp_path, lock_of(None))
    with pytest.raises(BackupFailed, match="less than 15 characters"):
        lock_of("too short")


def test_an_archive_that_was_not_finished_does_not_exist(lock: Lock, tmp_path: Path) -> None:
    def write() -> None:
        with create_archive(FolderTarget(tmp_path), NAME, lock=lock, head={}) as writer:
            writer.lines("tables/one", [{"id": 1}])
            raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError):
        write()
    assert list(tmp_path.iterdir()) == []


def test_without_its_manifest_it_is_not_whole(lock: Lock, tmp_path: Path) -> None:
    with create_archive(FolderTarget(tmp_path), NAME, lock=lock, head={}) as writer:
        writer.lines("tables/one", [{"id": 1}])
    with pytest.raises(Damaged, match="ends before its manifest"):
        read(tmp_path, lock)


def test_where_an_archive_goes(tmp_path: Path) -> None:
    assert place_of(str(tmp_path), name="n.campus")[1] == "n.campus"
    target, name = place_of(str(tmp_path / "mine.campus"), name="n.campus")
    assert (target.label, name) == (str(tmp_path), "mine.campus")


def test_a_name_that_leads_out_of_the_storage_is_refused(lock: Lock, tmp_path: Path) -> None:
    """Whoever made the archive may have called an object so."""
    head = {"id": "ab" * 16, "campus_id": 1, "travel_key": bytes(32).hex()}
    source, context = travel_keys(bytes(32)), b"../../x"
    with create_archive(FolderTarget(tmp_path), NAME, lock=lock, head=head) as writer:
        writer.record(
            "file",
            [source.seal("image", b"plain", context=context)],
            key=context.decode(),
            purpose="image",
            context=context.hex(),
            sha256=hashlib.sha256(b"plain").hexdigest(),
        )
    contents = Contents(head=head, campus_id=2)
    with open_archive(FolderTarget(tmp_path), NAME, lock=lock) as records:
        record = next(record for record in records if record.name == "file")
        with pytest.raises(Damaged, match="leads out of the storage"):
            file_take(record, contents, live_keys(2), commit=True)
    assert contents.written == []
