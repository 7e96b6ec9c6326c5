"""What of faces the master key seals: images, and templates that its keys rotate."""

import hmac
import json
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from apps.biometrics.models import FaceTemplate, StoredImage
from apps.biometrics.protection import template_protector
from apps.biometrics.storage import PURPOSE
from apps.biometrics.vectors import (
    CHECKSUM,
    ROTATION,
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
    """Rotate each template back by the old key and by the new one; the same face as before.

    One that fits its checksum under neither key is left: it was changed, and stays so.
    """
    done = 0
    for template in FaceTemplate.objects.order_by("pk"):
        if is_intact(template):
            continue
        for checksum, rotation in zip(
            checksum_under(template), _rotations(template.key_generation), strict=True
        ):
            if not hmac.compare_digest(bytes(template.checksum), checksum):
                continue
            vector = np.asarray(template.vector, dtype=np.float32)
            plain = template_protector(rotation, vector.shape[-1]).unprotect(vector)
            template.vector = protect(plain, generation=template.key_generation)
            template.checksum = checksum_of(template)
            template.save(update_fields=["vector", "checksum"])
            done += 1
            break
    return done


def _rotations(generation: int) -> list[bytes]:
    return list(older_keys(ROTATION, current_campus_id(), generation=generation))


def _template_moved(row: Row, before: Row, source: Keys, target: Keys) -> None:
    """The same face under the target's rotation; a template that was changed is left as it is."""
    vector = np.asarray(json.loads(before["vector"]), dtype=np.float32)
    if not hmac.compare_digest(bytes_of(before["checksum"]), _checksum(before, vector, source)):
        return
    generation = before["key_generation"]
    old, new = (keys.key(ROTATION, generation=generation) for keys in (source, target))
    plain = template_protector(old, vector.shape[-1]).unprotect(vector)
    turned = template_protector(new, vector.shape[-1]).protect(plain)
    row["vector"] = json.dumps(turned.tolist())
    row["checksum"] = text_of(_checksum(row, turned, target))


def _checksum(row: Row, vector: NDArray[np.float32], keys: Keys) -> bytes:
    owner = (row["student_id"], row["sample_id"], row["model_id"], row["key_generation"])
    return hmac.digest(keys.key(CHECKSUM), message_of(owner, vector), "sha256")


MOVED_TEMPLATES = MovedRows(
    table=FaceTemplate._meta.db_table, columns=("vector", "checksum"), reseal=_template_moved
)
