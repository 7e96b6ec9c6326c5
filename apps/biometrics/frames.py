"""Turns each face vector into a secret frame of its own, so that stored ones tell nothing.

A frame is three rounds of secret signs, a secret permutation and the Walsh-Hadamard transform: an
orthogonal map, so that two vectors in one frame keep their distance. No two templates share one.
To compare, a photo's vector is turned into the frame of each template (`turned`). Plain numpy; the
keys come from `vectors.py`.

Distances between stored vectors, their components and the order of their numbers are those of
random vectors to whoever lacks the keys. With them, each vector can be turned back.
"""

import hmac
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CTR
from numpy.typing import NDArray

KEY_BYTES: Final = 32
ROUNDS: Final = 3
KEPT: Final = 16_384  # frames a process keeps: 1.5 KB each at 128 numbers
ROSTERS_KEPT: Final = 4  # at most, of the frames of a roster side by side
KEPT_ROSTER: Final = range(16, 1200)  # frames in one of them: 4 MB at 128 numbers
_FIRST_BLOCK: Final = bytes(16)  # of the counter; every key makes one stream

_Frame = tuple[NDArray[np.int8], NDArray[np.uint16]]


def turned(vectors: NDArray[Any], keys: Sequence[bytes]) -> NDArray[np.float32]:
    """The vectors, row by row, in the frames of these keys; shape (keys, dimension).

    `vectors` has a row for each key, or is one vector (dimension,) for all of them.
    """
    dimension = vectors.shape[-1]
    side_by_side = _kept_rounds if len(keys) in KEPT_ROSTER else _rounds
    found = np.broadcast_to(vectors.astype(np.float64), (len(keys), dimension))
    for signs, places in side_by_side(tuple(keys), dimension):
        found = _mixed((found * signs).ravel()[places])
    return found.astype(np.float32)


def turned_back(vectors: NDArray[Any], keys: Sequence[bytes]) -> NDArray[np.float32]:
    """Stored vectors, row by row, as they were before `turned`."""
    signs, orders = _frames(keys, vectors.shape[-1])
    found = vectors.astype(np.float64)
    for each in reversed(range(ROUNDS)):
        mixed, found = _mixed(found, back=True), np.empty_like(found)
        np.put_along_axis(found, orders[:, each], mixed, axis=1)
        found *= signs[:, each]
    return found.astype(np.float32)


def frame_key(key: bytes, frame: bytes) -> bytes:
    """The key of one frame: HKDF-Expand (RFC 5869, section 2.3) of the campus's key."""
    return hmac.digest(key, b"frame/" + frame + b"\x01", "sha256")


def _frames(keys: Sequence[bytes], dimension: int) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
    """Signs and places of all keys: (keys, rounds, dimension) each."""
    if not keys:
        empty = (0, ROUNDS, dimension)
        return np.empty(empty, np.int8), np.empty(empty, np.int64)
    signs, orders = zip(*(_frame(key, dimension) for key in keys), strict=True)
    return np.array(signs), np.array(orders).astype(np.int64)


def _rounds(
    keys: tuple[bytes, ...], dimension: int
) -> list[tuple[NDArray[np.int8], NDArray[np.int64]]]:
    """Round by round the signs of all keys and where their numbers stand in all rows as one."""
    signs, orders = _frames(keys, dimension)
    first = np.arange(0, len(keys) * dimension, dimension)[:, None]
    return [
        (np.ascontiguousarray(signs[:, each]), orders[:, each] + first) for each in range(ROUNDS)
    ]


_kept_rounds = lru_cache(maxsize=ROSTERS_KEPT)(_rounds)


@lru_cache(maxsize=KEPT)
def _frame(key: bytes, dimension: int) -> _Frame:
    """Signs and places of one key, from AES-256 in counter mode (NIST SP 800-38A, section 6.5).

    numpy's generators are no cryptographic ones: from some turned vectors their state could be
    guessed. A permutation is the order of 64-bit numbers, equal ones by their place.
    """
    if len(key) != KEY_BYTES:
        raise ValueError(f"The key of a frame has {KEY_BYTES} bytes.")
    count = ROUNDS * dimension
    stream = Cipher(AES256(key), CTR(_FIRST_BLOCK)).encryptor().update(bytes(9 * count))
    words = np.frombuffer(stream, dtype="<u8", count=count).reshape(ROUNDS, dimension)
    coins = np.frombuffer(stream, dtype=np.uint8, offset=8 * count).reshape(ROUNDS, dimension)
    signs = (coins & 1).astype(np.int8) * np.int8(2) - np.int8(1)
    return signs, np.argsort(words, axis=1, kind="stable").astype(np.uint16)


def _mixed(rows: NDArray[np.float64], *, back: bool = False) -> NDArray[np.float64]:
    """Walsh-Hadamard of each row. Where its length is no power of two: of as many of the first
    numbers as are one, then of as many of the last. `back`: undoes it."""
    length = rows.shape[1]
    part = 1 << (length.bit_length() - 1)
    if part == length:
        return _hadamard(rows)
    found = rows.copy()
    for start in (length - part, 0) if back else (0, length - part):
        place = slice(start, start + part)
        found[:, place] = _hadamard(found[:, place])
    return found


def _hadamard(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Orthonormal and its own inverse; the matrix of a x b is the Kronecker product of two."""
    length = rows.shape[1]
    doublings = length.bit_length() - 1
    left, right = _matrix(doublings // 2), _matrix(doublings - doublings // 2)
    squares = rows.reshape(-1, len(left), len(right)) @ right
    return (left @ squares).reshape(-1, length)


@lru_cache(maxsize=16)
def _matrix(doublings: int) -> NDArray[np.float64]:
    """Sylvester's matrix of 2 ** doublings rows, each of length 1."""
    matrix = np.ones((1, 1))
    for _each in range(doublings):
        matrix = np.block([[matrix, matrix], [matrix, -matrix]]) / np.sqrt(2)
    return matrix
