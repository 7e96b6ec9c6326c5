"""Each template in a frame of its own, instead of one rotation for the whole campus.

What version 0.2.0 stored is turned back with that rotation and into new frames, in this
transaction. A template that does not fit its checksum was changed before: it is left as it is, and
fits none afterwards either. On the way back no template fits any more: they are made anew from the
photos (`manage.py reissue_template_key`).
"""

import hashlib
import hmac
import json
import os
from functools import lru_cache

import numpy as np
from django.db import migrations, models
from django.db.models import Func
from django.db.models.lookups import Exact

from apps.biometrics.frames import frame_key, turned
from apps.biometrics.vectors import message_of
from apps.common.crypto import campus_key, keyed_hash

ROTATION, FRAMES, CHECKSUM = "face-template", "face-template-frames", "face-template-checksum"
LABEL = b"campus/biometrics/template-rotation/v1/"
READ = """
    SELECT id, student_id, sample_id, model_id, key_generation, checksum, vector::text
    FROM biometrics_facetemplate WHERE campus_id = %s AND frame = ''
"""
WRITE = """
    UPDATE biometrics_facetemplate SET frame = %s, vector = %s::vector, checksum = %s
    WHERE campus_id = %s AND id = %s
"""
NAME = "UPDATE biometrics_facetemplate SET frame = %s WHERE campus_id = %s AND id = %s"

# The statistics that were there go too; a column keeps them when only their target changes.
NO_STATISTICS = """
    ALTER TABLE biometrics_facetemplate ALTER COLUMN vector SET STATISTICS 0,
        ALTER COLUMN vector TYPE vector
"""
STATISTICS = "ALTER TABLE biometrics_facetemplate ALTER COLUMN vector SET STATISTICS -1"


def into_frames(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT id FROM tenants_campus ORDER BY id")
        for (campus_id,) in cursor.fetchall():
            cursor.execute("SELECT set_config('campus.id', %s, true)", [str(campus_id)])
            cursor.execute(READ, [campus_id])
            for row in cursor.fetchall():
                into_frame(cursor, campus_id, *row)
        cursor.execute("SELECT set_config('campus.id', '', true)")


def into_frame(cursor, campus_id, pk, student, sample, model, generation, checksum, text):
    owner, frame = (student, sample, model, generation), os.urandom(16)
    vector = np.asarray(json.loads(text), dtype=np.float32)
    before = keyed_hash(CHECKSUM, campus_id, message_of(owner, b"", vector))
    if not hmac.compare_digest(bytes(checksum), before):
        cursor.execute(NAME, [frame, campus_id, pk])
        return
    key = campus_key(ROTATION, campus_id, generation=generation)
    plain = vector.astype(np.float64) @ rotation(key, len(vector)).T
    key = campus_key(FRAMES, campus_id, generation=generation)
    new = turned(plain, [frame_key(key, frame)])[0]
    checksum = keyed_hash(CHECKSUM, campus_id, message_of(owner, frame, new))
    cursor.execute(WRITE, [frame, json.dumps(new.tolist()), checksum, campus_id, pk])


@lru_cache(maxsize=4)
def rotation(key, dimension):
    """Q of a Gaussian matrix keyed by SHAKE-256, signs fixed by R: as 0.2.0 made it."""
    count = dimension * dimension
    pairs = (count + 1) // 2
    stream = hashlib.shake_256(LABEL + len(key).to_bytes(2) + key).digest(16 * pairs)
    words = np.frombuffer(stream, dtype=">u8").astype(np.uint64).reshape(2, pairs)
    uniform = ((words >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53
    radius, angle = np.sqrt(-2.0 * np.log(uniform[0])), 2.0 * np.pi * uniform[1]
    gaussian = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:count]
    orthogonal, triangular = np.linalg.qr(gaussian.reshape(dimension, dimension))
    return orthogonal * np.sign(np.diag(triangular))


class Migration(migrations.Migration):
    dependencies = [("biometrics", "0001_initial")]

    operations = [
        migrations.AddField(
            "facetemplate",
            "frame",
            models.BinaryField(
                db_default=b"", max_length=16, verbose_name="number of the frame"
            ),
        ),
        migrations.RunPython(into_frames, migrations.RunPython.noop),
        migrations.AddConstraint(
            "facetemplate",
            models.UniqueConstraint(
                fields=("campus", "frame"), name="face_template_frame_unique"
            ),
        ),
        migrations.AddConstraint(
            "facetemplate",
            models.CheckConstraint(
                condition=Exact(
                    Func("frame", function="octet_length", output_field=models.IntegerField()), 16
                ),
                name="face_template_frame_length",
            ),
        ),
        migrations.RunSQL(NO_STATISTICS, STATISTICS),
    ]
