"""Rotates face vectors by a secret matrix, so that stored templates can be revoked.

Every vector of a campus is multiplied by one secret orthogonal matrix derived from the campus key.
Distances inside the campus stay as they were, so the database can compare; vectors of another
campus, or from before a re-issued key, compare like those of other people. It is revocable, not
irreversible: with the key, or enough pairs of plain and rotated vectors, it can be undone.
"""

import hashlib
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

MIN_KEY_BYTES: Final = 32
_LABEL: Final = b"campus/biometrics/template-rotation/v1/"


class TemplateProtector:
    """The secret rotation of one key and one vector length. Get it from `template_protector`."""

    def __init__(self, key: bytes, dimension: int) -> None:
        """`key` has at least 32 secret bytes. Takes 2 ms for 128 numbers, 1.2 s for 2,048."""
        if len(key) < MIN_KEY_BYTES:
            raise ValueError(f"A template key has at least {MIN_KEY_BYTES} bytes.")
        self.dimension = dimension
        self._rotation = _haar_matrix(key, dimension)

    def protect(self, vectors: NDArray[Any]) -> NDArray[np.float32]:
        """Rotate vectors of shape (dimension,) or (n, dimension); distances stay within 1e-5."""
        if vectors.shape[-1] != self.dimension:
            raise ValueError(f"Vectors have {vectors.shape[-1]} numbers, not {self.dimension}.")
        return (vectors.astype(np.float64) @ self._rotation).astype(np.float32)

    def unprotect(self, vectors: NDArray[Any]) -> NDArray[np.float32]:
        """The other way round: for rotating them by another key at once."""
        return (vectors.astype(np.float64) @ self._rotation.T).astype(np.float32)


@lru_cache(maxsize=64)
def template_protector(key: bytes, dimension: int) -> TemplateProtector:
    """The protector of this key, kept for the next call (64 campuses, 128 KB each for 128)."""
    return TemplateProtector(key, dimension)


def _haar_matrix(key: bytes, dimension: int) -> NDArray[np.float64]:
    """A uniformly distributed orthogonal matrix: Q of a Gaussian matrix, signs fixed by R.

    F. Mezzadri, "How to generate random matrices from the classical compact groups", 2007, §5.
    """
    gaussian = _gaussians(key, dimension * dimension).reshape(dimension, dimension)
    orthogonal, triangular = np.linalg.qr(gaussian)
    return orthogonal * np.sign(np.diag(triangular))


def _gaussians(key: bytes, count: int) -> NDArray[np.float64]:
    """Normal numbers from SHAKE-256 (FIPS 202) keyed by the secret, by Box and Muller's method.

    numpy's generators are no cryptographic ones: from a few rotated vectors their state, and with
    it the matrix, could be guessed.
    """
    pairs = (count + 1) // 2
    stream = hashlib.shake_256(_LABEL + len(key).to_bytes(2) + key).digest(16 * pairs)
    words = np.frombuffer(stream, dtype=">u8").astype(np.uint64).reshape(2, pairs)
    uniform = ((words >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53  # open interval (0, 1)
    radius, angle = np.sqrt(-2.0 * np.log(uniform[0])), 2.0 * np.pi * uniform[1]
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:count]
