"""Sealed files: what was written comes back, and nothing else does."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from apps.backup.errors import BackupFailed, Damaged
from apps.backup.sealing import CHUNK, MAGIC, SALT_BYTES, TAG_BYTES, SealedReader, SealedWriter

START = len(MAGIC) + SALT_BYTES


def sealed(data: bytes, *, name: str = "file") -> bytes:
    sink = io.BytesIO()
    writer = SealedWriter(sink, name=name)
    for start in range(0, len(data), 300_000):
        writer.write(data[start : start + 300_000])
    writer.finish()
    assert writer.size == len(sink.getvalue())
    return sink.getvalue()


def opened(raw: bytes, *, name: str = "file") -> bytes:
    return io.BufferedReader(SealedReader(io.BytesIO(raw), name=name)).read()


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_any_length_comes_back(size: int) -> None:
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    raw = sealed(data)
    assert opened(raw) == data
    assert size < 16 or data[:16] not in raw


@given(st.data())
def test_no_byte_can_be_changed_or_left_out(data: st.DataObject) -> None:
    raw = bytearray(sealed(b"register" * 10))
    place = data.draw(st.integers(0, len(raw) - 1))
    if data.draw(st.booleans()):
        raw[place] ^= data.draw(st.integers(1, 255))
    else:
        del raw[place:]
    with pytest.raises(Damaged):
        opened(bytes(raw))


def test_cut_off_at_a_chunk_is_noticed() -> None:
    raw = sealed(b"x" * (2 * CHUNK + 5))
    whole = START + 2 * (CHUNK + TAG_BYTES)
    with pytest.raises(Damaged):
        opened(raw[:whole])
    with pytest.raises(Damaged):
        opened(raw[: START + CHUNK + TAG_BYTES])


def test_chunks_cannot_change_places() -> None:
    raw = sealed(b"a" * CHUNK + b"b" * CHUNK + b"c")
    step = CHUNK + TAG_BYTES
    first, second, rest = (
        raw[START : START + step],
        raw[START + step :][:step],
        raw[START:][2 * step :],
    )
    with pytest.raises(Damaged):
        opened(raw[:START] + second + first + rest)


def test_a_file_cannot_stand_for_another() -> None:
    with pytest.raises(Damaged):
        opened(sealed(b"x", name="backups/a/tables"), name="backups/b/tables")


def test_another_key_opens_nothing(settings: Settings) -> None:
    raw = sealed(b"x")
    settings.BACKUP_KEY = bytes(reversed(range(32)))
    with pytest.raises(Damaged, match="another BACKUP_KEY"):
        opened(raw)


def test_without_a_key_or_with_the_master_key_nothing_is_sealed(settings: Settings) -> None:
    settings.BACKUP_KEY = b""
    with pytest.raises(BackupFailed, match="BACKUP_KEY is not set"):
        sealed(b"x")
    settings.BACKUP_KEY = settings.CAMPUS_MASTER_KEY
    with pytest.raises(BackupFailed, match="the same"):
        sealed(b"x")
