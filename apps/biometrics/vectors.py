"""Turning and checksumming templates with the campus's keys."""

import hmac
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from apps.biometrics.models import FaceTemplate
from apps.biometrics.protection import template_protector
from apps.common.crypto import campus_key, keyed_hash
from apps.tenants.scope import current_campus_id

ROTATION: Final = "face-template"
CHECKSUM: Final = "face-template-checksum"


def protect(vectors: NDArray[Any], *, generation: int) -> NDArray[np.float32]:
    """Vectors of shape (dimension,) or (n, dimension), rotated by the entered campus's key."""
    key = campus_key(ROTATION, current_campus_id(), generation=generation)
    return template_protector(key, vectors.shape[-1]).protect(vectors)


def checksum_of(template: FaceTemplate) -> bytes:
    """HMAC (32 bytes) over whose, of which model and key, and every byte of the vector."""
    owner = (template.student_id, template.sample_id, template.model_id, template.key_generation)
    vector = np.asarray(template.vector, dtype="<f4").tobytes()
    message = ":".join(map(str, owner)).encode() + b"|" + vector
    return keyed_hash(CHECKSUM, current_campus_id(), message)


def is_intact(template: FaceTemplate) -> bool:
    """Whether the row is as it was written: a changed byte, owner or model shows."""
    return hmac.compare_digest(bytes(template.checksum), checksum_of(template))
