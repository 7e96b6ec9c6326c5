"""The file that a campus travels in: records one after the other, compressed, in one sealed stream.

Each record is a line of JSON that names it, its bytes in lengths and parts, and a length of zero:

    {"name": "tables/accounts_student"}⏎ length (4) part … 0000

The last record is the manifest, with what the others have to contain.
"""

import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, cast

from apps.backup.errors import BackupFailed, Damaged
from apps.backup.sealing import (
    BACKUPS,
    CHUNK,
    SALT_BYTES,
    Lock,
    SealedReader,
    SealedWriter,
    buffered,
    compressed_writer,
)
from apps.backup.targets import S3, Destination, target_from
from apps.common.crypto import KEY_BYTES

SUFFIX: Final = ".campus"
NAME: Final = "campus-archive"  # authenticated; the file itself may be renamed
HEAD: Final = "head"
MANIFEST: Final = "manifest"
SHORTEST_PHRASE: Final = 15  # characters (docs: security; NIST SP 800-63B-4)
_PHRASE_MAGIC: Final = b"CAMPUS-PHRASE-1\n"
_ARCHIVE_MAGIC: Final = b"CAMPUS-MOVING-1\n"
# OWASP's cheat sheet on storing passwords (2024): N = 2^17, r = 8, p = 1.
_SCRYPT: Final = {"n": 2**17, "r": 8, "p": 1, "maxmem": 192 * 1024 * 1024, "dklen": KEY_BYTES}
_LENGTH_BYTES: Final = 4
_LONGEST_LINE: Final = 64 * 1024


def lock_of(passphrase: str | None) -> Lock:
    """A key from the passphrase, or from BACKUP_KEY where there is none. Raises `BackupFailed`."""
    if passphrase is None:
        return Lock(magic=_ARCHIVE_MAGIC, key_of=BACKUPS.key_of, word="BACKUP_KEY")
    if len(passphrase) < SHORTEST_PHRASE:
        raise BackupFailed(f"The passphrase has less than {SHORTEST_PHRASE} characters.")
    secret = passphrase.encode()
    return Lock(
        magic=_PHRASE_MAGIC,
        key_of=lambda salt: hashlib.scrypt(secret, salt=salt, **_SCRYPT),
        word="passphrase",
    )


def place_of(text: str, *, name: str) -> tuple[Destination, str]:
    """Where `--to` or FILE leads: folder or bucket, and name. `name`: where it names a folder."""
    if not text.endswith(SUFFIX):
        return target_from(text), name
    if text.startswith(f"{S3}://"):
        folder, _slash, own = text.rpartition("/")
        return target_from(folder), own
    path = Path(text).expanduser().absolute()
    return target_from(str(path.parent)), path.name


class ArchiveWriter:
    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def record(self, name: str, parts: Iterable[bytes], **facts: Any) -> None:
        self._stream.write(json.dumps({"name": name, **facts}).encode() + b"\n")
        for part in parts:
            for start in range(0, len(part), CHUNK):
                piece = part[start : start + CHUNK]
                self._stream.write(len(piece).to_bytes(_LENGTH_BYTES, "big") + piece)
        self._stream.write(bytes(_LENGTH_BYTES))

    def lines(self, name: str, rows: Iterable[Any], **facts: Any) -> None:
        self.record(name, (json.dumps(row).encode() + b"\n" for row in rows), **facts)


@contextmanager
def create_archive(
    target: Destination, name: str, *, lock: Lock, head: Any
) -> Iterator[ArchiveWriter]:
    """A file that appears when the block ends well. Raises `BackupFailed`."""
    with target.create(name) as sink:
        sealed = SealedWriter(sink, name=NAME, lock=lock)
        with compressed_writer(sealed) as stream:
            writer = ArchiveWriter(stream)
            writer.lines(HEAD, [head])
            yield writer
        sealed.finish()


class Record:
    """One record, read once."""

    def __init__(self, stream: IO[bytes], facts: dict[str, Any]) -> None:
        self._stream = stream
        self._ended = False
        self.name: str = facts["name"]
        self.facts = facts

    def parts(self) -> Iterator[bytes]:
        while not self._ended:
            length = int.from_bytes(_exactly(self._stream, _LENGTH_BYTES), "big")
            if length > CHUNK:
                raise Damaged(f"{self.name} in the archive cannot be read.")
            self._ended = length == 0
            if length:
                yield _exactly(self._stream, length)

    def content(self) -> bytes:
        return b"".join(self.parts())

    def rows(self) -> Iterator[Any]:
        rest = b""
        for part in self.parts():
            *lines, rest = (rest + part).split(b"\n")
            yield from map(json.loads, lines)

    def skip(self) -> None:
        for _part in self.parts():
            pass


@contextmanager
def open_archive(target: Destination, name: str, *, lock: Lock) -> Iterator[Iterator[Record]]:
    """The records in their order. Raises `Damaged`, also while they are read."""
    try:
        with target.open(name) as source:
            start = source.read(len(lock.magic))
            if start != lock.magic:
                raise Damaged(_unlike(name, start))
            joined = cast(IO[bytes], _Joined(start, source))
            sealed = SealedReader(joined, name=NAME, lock=lock)
            with gzip.GzipFile(fileobj=buffered(sealed), mode="rb") as stream:
                yield _records(name, cast(IO[bytes], stream))
    except FileNotFoundError as error:
        raise BackupFailed(f"There is no {name} in {target.label}.") from error
    except (EOFError, zlib.error, gzip.BadGzipFile, ValueError, KeyError) as error:
        raise Damaged(f"{name} cannot be read: {error}") from error


def _records(name: str, stream: IO[bytes]) -> Iterator[Record]:
    while True:
        line = stream.readline(_LONGEST_LINE)
        if not line:
            raise Damaged(f"{name} ends before its manifest.")
        record = Record(stream, json.loads(line))
        yield record
        record.skip()
        if record.name == MANIFEST:
            if stream.read(1):
                raise Damaged(f"{name} goes on after its end.")
            return


def _exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise Damaged("The archive ends in the middle of a record.")
    return data


def _unlike(name: str, start: bytes) -> str:
    if start == _PHRASE_MAGIC:
        return f"{name} was sealed under a passphrase: give it by --passphrase-file."
    if start == _ARCHIVE_MAGIC:
        return f"{name} was sealed under a BACKUP_KEY, not under a passphrase."
    return f"{name} is no archive of a campus."


class _Joined(io.RawIOBase):
    """What was read already, and the rest."""

    def __init__(self, start: bytes, rest: IO[bytes]) -> None:
        self._start, self._rest = start, rest

    def read(self, size: int = -1) -> bytes:
        part = self._start[:size]
        self._start = self._start[len(part) :]
        return part or self._rest.read(size)


assert len(_PHRASE_MAGIC) == len(_ARCHIVE_MAGIC) == SALT_BYTES
