"""Sealed files of any length: AES-256-GCM in chunks (the STREAM construction).

V. Hoang, R. Reyhanitabar, P. Rogaway, D. Vizár, "Online authenticated-encryption and its
nonce-reuse misuse-resistance", 2015. A nonce counts the chunks and says which is the last one, so
chunks that are missing, moved or cut off are noticed. The name of the file is authenticated too.

    MAGIC | salt (16) | chunk (1 MiB + 16) … | last chunk (16 bytes to 1 MiB + 16)
"""

import gzip
import hashlib
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, Final, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from apps.backup.errors import Damaged
from apps.backup.keys import file_key

MAGIC: Final = b"CAMPUS-BACKUP-1\n"
SALT_BYTES: Final = 16
CHUNK: Final = 1024 * 1024
TAG_BYTES: Final = 16
GZIP_LEVEL: Final = 1


@dataclass(frozen=True, kw_only=True)
class Lock:
    """What a file is sealed under. `key_of` gives the key for a salt; `word` names it to people."""

    magic: bytes
    key_of: Callable[[bytes], bytes]
    word: str


BACKUPS: Final = Lock(magic=MAGIC, key_of=file_key, word="BACKUP_KEY")


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


class SealedWriter(io.RawIOBase):
    """Writes to `sink`, which stays open. Without `finish()` the file cannot be read."""

    def __init__(self, sink: IO[bytes], *, name: str, lock: Lock = BACKUPS) -> None:
        salt = os.urandom(SALT_BYTES)
        self._sink = sink
        self._cipher = AESGCM(lock.key_of(salt))
        self._context = lock.magic + name.encode()
        self._pending = bytearray()
        self._number = 0
        self.digest = hashlib.sha256()
        self.size = 0
        self._put(lock.magic + salt)

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._pending += data
        # One chunk stays behind: only at the end is it known to be the last one.
        while len(self._pending) > CHUNK:
            self._seal(bytes(self._pending[:CHUNK]), last=False)
            del self._pending[:CHUNK]
        return len(data)

    def finish(self) -> None:
        self._seal(bytes(self._pending), last=True)
        self._pending.clear()

    def _seal(self, chunk: bytes, *, last: bool) -> None:
        nonce = _nonce(self._number, last=last)
        self._number += 1
        self._put(self._cipher.encrypt(nonce, chunk, self._context))

    def _put(self, data: bytes) -> None:
        self._sink.write(data)
        self.digest.update(data)
        self.size += len(data)


class SealedReader(io.RawIOBase):
    """Reads what `SealedWriter` wrote; raises `Damaged` at the first byte that is not as it was."""

    def __init__(self, source: IO[bytes], *, name: str, lock: Lock = BACKUPS) -> None:
        self._source = source
        self._name = name
        self._word = lock.word
        length = len(lock.magic)
        start = _exactly(source, length + SALT_BYTES)
        if not start.startswith(lock.magic) or len(start) < length + SALT_BYTES:
            raise Damaged(f"{name} is nothing that {lock.word} sealed, or only its beginning.")
        self._cipher = AESGCM(lock.key_of(start[length:]))
        self._context = lock.magic + name.encode()
        self._number = 0
        self._next = _exactly(source, CHUNK + TAG_BYTES)
        self._plain = b""
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._plain and not self._ended:
            self._unseal()
        part = self._plain[: len(buffer)]
        self._plain = self._plain[len(part) :]
        buffer[: len(part)] = part
        return len(part)

    def _unseal(self) -> None:
        sealed = self._next
        self._next = _exactly(self._source, CHUNK + TAG_BYTES)
        self._ended = not self._next
        nonce = _nonce(self._number, last=self._ended)
        self._number += 1
        try:
            self._plain = self._cipher.decrypt(nonce, sealed, self._context)
        except (InvalidTag, ValueError) as error:
            raise Damaged(
                f"{self._name} was changed, cut off, or sealed under another {self._word}."
            ) from error


def _exactly(source: IO[bytes], size: int) -> bytes:
    """`size` bytes, or what is left."""
    parts: list[bytes] = []
    while size and (part := source.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


@contextmanager
def compressed_writer(writer: SealedWriter) -> Iterator[IO[bytes]]:
    with gzip.GzipFile(fileobj=writer, mode="wb", compresslevel=GZIP_LEVEL, mtime=0) as file:
        yield cast(IO[bytes], file)


def buffered(reader: SealedReader) -> IO[bytes]:
    return io.BufferedReader(reader, buffer_size=CHUNK)
