"""Turning and checksumming templates with the campus's keys."""

import hmac
import os
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from apps.biometrics.frames import frame_key, turned
from apps.biometrics.models import FaceTemplate
from apps.common.crypto import campus_key, keyed_hash, older_keys
from apps.tenants.scope import current_campus_id

FRAMES: Final = "face-template-frames"
CHECKSUM: Final = "face-template-checksum"
FRAME_BYTES: Final = 16


def new_frame() -> bytes:
    """The number of a frame that no other template has or had.

    Drawn, and not the row's id: ids come again after a restore, and two vectors in one frame keep
    their distance.
    """
    return os.urandom(FRAME_BYTES)


def frame_keys(frames: Iterable[bytes], *, generation: int) -> list[bytes]:
    """Of the entered campus."""
    key = campus_key(FRAMES, current_campus_id(), generation=generation)
    return [frame_key(key, frame) for frame in frames]


def protect(vector: NDArray[Any], *, frame: bytes, generation: int) -> NDArray[np.float32]:
    """A plain vector (dimension,) as it is stored: in a frame of its own."""
    return turned(vector, frame_keys([frame], generation=generation))[0]


def checksum_of(template: FaceTemplate) -> bytes:
    """HMAC (32 bytes) over whose, of which model, key and frame, and every byte of the vector."""
    return keyed_hash(CHECKSUM, current_campus_id(), _message(template))


def checksum_under(template: FaceTemplate) -> list[bytes]:
    """The same under each master key that was replaced."""
    keys = older_keys(CHECKSUM, current_campus_id())
    return [hmac.digest(key, _message(template), "sha256") for key in keys]


def _message(template: FaceTemplate) -> bytes:
    owner = (template.student_id, template.sample_id, template.model_id, template.key_generation)
    return message_of(owner, bytes(template.frame), np.asarray(template.vector))


def message_of(owner: tuple[int, int, int, int], frame: bytes, vector: NDArray[Any]) -> bytes:
    """What the checksum is over. `owner`: student, sample, model, generation of the key."""
    numbers = ":".join(map(str, owner)).encode()
    return numbers + b"|" + frame + vector.astype("<f4").tobytes()


def is_intact(template: FaceTemplate) -> bool:
    """Whether the row is as it was written: a changed byte, owner or model shows."""
    return hmac.compare_digest(bytes(template.checksum), checksum_of(template))
