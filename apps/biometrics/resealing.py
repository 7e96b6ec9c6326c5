"""What of faces the master key seals: images, and templates that lie in frames of its keys."""

import hmac
import json
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from apps.biometrics.frames import frame_key, turned, turned_back
from apps.biometrics.models import FaceTemplate, StoredImage
from apps.biometrics.storage import PURPOSE
from apps.biometrics.vectors import (
    CHECKSUM,
    FRAMES,
    checksum_of,
    checksum_under,
    is_intact,
    message_of,
    protect,
)
from apps.common.crypto import older_keys
from apps.tenants.moving import Keys, MovedRows, Row, bytes_of, text_of
from apps.tenants.rotation import SealedFile
from apps.tenants.scope import current_campus_id


def image_files() -> Iterator[SealedFile]:
    for key, sha256 in StoredImage.objects.values_list("key", "sha256"):
        rows = StoredImage.objects.filter(key=key)
        yield SealedFile(key=key, purpose=PURPOSE, context=bytes.fromhex(sha256), named_by=rows)


def templates_reseal() -> int:
    """Turn each template back by the old key and into a frame of the new one; the same face.

    One that fits its checksum under neither key is left: it was changed, and stays so.
    """
    done = 0
    for template in FaceTemplate.objects.order_by("pk"):
        if is_intact(template):
            continue
        for checksum, key in zip(
            checksum_under(template), _older_keys(template.key_generation), strict=True
        ):
            if not hmac.compare_digest(bytes(template.checksum), checksum):
                continue
            frame, generation = bytes(template.frame), template.key_generation
            vector = np.asarray(template.vector, dtype=np.float32)
            plain = turned_back(vector[None], [frame_key(key, frame)])[0]
            template.vector = protect(plain, frame=frame, generation=generation)
            template.checksum = checksum_of(template)
            template.save(update_fields=["vector", "checksum"])
            done += 1
            break
    return done


def _older_keys(generation: int) -> list[bytes]:
    return list(older_keys(FRAMES, current_campus_id(), generation=generation))


def _template_moved(row: Row, before: Row, source: Keys, target: Keys) -> None:
    """The same face under the target's key; a template that was changed is left as it is."""
    vector = np.asarray(json.loads(before["vector"]), dtype=np.float32)
    if not hmac.compare_digest(bytes_of(before["checksum"]), _checksum(before, vector, source)):
        return
    generation, frame = before["key_generation"], bytes_of(before["frame"])
    old, new = (
        frame_key(keys.key(FRAMES, generation=generation), frame) for keys in (source, target)
    )
    turned_anew = turned(turned_back(vector[None], [old]), [new])[0]
    row["vector"] = json.dumps(turned_anew.tolist())
    row["checksum"] = text_of(_checksum(row, turned_anew, target))


def _checksum(row: Row, vector: NDArray[np.float32], keys: Keys) -> bytes:
    owner = (row["student_id"], row["sample_id"], row["model_id"], row["key_generation"])
    message = message_of(owner, bytes_of(row["frame"]), vector)
    return hmac.digest(keys.key(CHECKSUM), message, "sha256")


MOVED_TEMPLATES = MovedRows(
    table=FaceTemplate._meta.db_table, columns=("vector", "checksum"), reseal=_template_moved
)
