"""Turning and checksumming templates with the campus's keys."""

import hmac
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from apps.biometrics.models import FaceTemplate
from apps.biometrics.protection import template_protector
from apps.common.crypto import campus_key, keyed_hash, older_keys
from apps.tenants.scope import current_campus_id

ROTATION: Final = "face-template"
CHECKSUM: Final = "face-template-checksum"


def protect(vectors: NDArray[Any], *, generation: int) -> NDArray[np.float32]:
    """Vectors of shape (dimension,) or (n, dimension), rotated by the entered campus's key."""
    key = campus_key(ROTATION, current_campus_id(), generation=generation)
    return template_protector(key, vectors.shape[-1]).protect(vectors)


def checksum_of(template: FaceTemplate) -> bytes:
    """HMAC (32 bytes) over whose, of which model and key, and every byte of the vector."""
    return keyed_hash(CHECKSUM, current_campus_id(), _message(template))


def checksum_under(template: FaceTemplate) -> list[bytes]:
    """The same under each master key that was replaced."""
    keys = older_keys(CHECKSUM, current_campus_id())
    return [hmac.digest(key, _message(template), "sha256") for key in keys]


def _message(template: FaceTemplate) -> bytes:
    owner = (template.student_id, template.sample_id, template.model_id, template.key_generation)
    return message_of(owner, np.asarray(template.vector))


def message_of(owner: tuple[int, int, int, int], vector: NDArray[Any]) -> bytes:
    """What the checksum is over. `owner`: student, sample, model, generation of the key."""
    return ":".join(map(str, owner)).encode() + b"|" + vector.astype("<f4").tobytes()


def is_intact(template: FaceTemplate) -> bool:
    """Whether the row is as it was written: a changed byte, owner or model shows."""
    return hmac.compare_digest(bytes(template.checksum), checksum_of(template))
