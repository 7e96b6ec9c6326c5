"""What version 0.2.0 stored of faces comes into frames, without a photo."""

import json
from importlib import import_module
from typing import Any, Final

import numpy as np
import psycopg
import pytest

from apps.biometrics.frames import frame_key, turned_back
from apps.biometrics.vectors import message_of
from apps.common.crypto import campus_key, keyed_hash
from tests import services
from tests.migrations.test_schema import DATABASE, Scratch, at
from tests.migrations.test_schema import scratch as scratch  # a database of this module's own

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(services.STACK is None, reason="makes a database of its own"),
]

CAMPUS: Final = """
    INSERT INTO tenants_campus (id, slug, name, time_zone, email_domains, face_enabled, is_active,
        years_of_study, created_at, updated_at)
    VALUES (%s, %s, 'Campus', 'UTC', '[]', true, true, 4, now(), now())
"""
TEMPLATE: Final = """
    INSERT INTO biometrics_facetemplate (campus_id, student_id, sample_id, model_id, key_generation,
        vector, checksum, created_at)
    VALUES (%s, %s, %s, 6, 3, %s::text::vector, %s, now())
"""
READ: Final = """
    SELECT campus_id, student_id, frame, vector::text, checksum FROM biometrics_facetemplate
    ORDER BY campus_id, student_id
"""
FORMER = import_module("apps.biometrics.migrations.0002_template_frames")
WHOSE: Final = ((8, 1), (8, 2), (9, 1))
CHANGED: Final = (8, 2)


def superuser(scratch: Scratch) -> Any:
    """Without foreign keys: a template alone is enough here."""
    connection = psycopg.connect(at(scratch.layout.superuser_url, DATABASE), autocommit=True)
    connection.execute("SET session_replication_role = replica")
    return connection


def unit_vector() -> np.ndarray:
    vector = np.random.default_rng(1).normal(size=128)
    return np.asarray(vector / np.linalg.norm(vector))


def checksum(campus: int, student: int, frame: bytes, vector: np.ndarray) -> bytes:
    message = message_of((student, 4 + student, 6, 3), frame, vector)
    return keyed_hash("face-template-checksum", campus, message)


def enter_as_released(connection: Any, plain: np.ndarray) -> None:
    for campus in (8, 9):
        connection.execute(CAMPUS, [campus, f"c{campus}"])
    for campus, student in WHOSE:
        key = campus_key("face-template", campus, generation=3)
        vector = (plain @ FORMER.rotation(key, 128)).astype(np.float32)
        whose = 1 if (campus, student) == CHANGED else student
        values = [campus, student, 4 + student, json.dumps(vector.tolist())]
        connection.execute(TEMPLATE, [*values, checksum(campus, whose, b"", vector)])
    connection.execute("ANALYZE biometrics_facetemplate")


def test_the_rotation_is_that_of_the_release() -> None:
    first = FORMER.rotation(b"k" * 32, 128)[0, :4]
    assert first == pytest.approx([0.083575, 0.001404, -0.165324, -0.044718], abs=1e-6)


def test_each_template_lies_in_a_frame_of_its_own_afterwards(scratch: Scratch) -> None:
    plain = unit_vector()
    scratch.migrate("biometrics", "0001")
    with superuser(scratch) as connection:
        enter_as_released(connection, plain)
    scratch.migrate()
    with superuser(scratch) as connection:
        rows = connection.execute(READ).fetchall()
        statistics = connection.execute(
            "SELECT attname FROM pg_stats WHERE tablename = 'biometrics_facetemplate'"
        ).fetchall()
    assert len({bytes(row[2]) for row in rows}) == 3
    for campus, student, frame, text, found in rows:
        vector = np.asarray(json.loads(text), dtype=np.float32)
        fits = bytes(found) == checksum(campus, student, bytes(frame), vector)
        assert fits == ((campus, student) != CHANGED)
        if fits:
            key = frame_key(campus_key("face-template-frames", campus, generation=3), bytes(frame))
            assert np.abs(turned_back(vector[None], [key])[0] - plain).max() < 1e-6
    assert ("student_id",) in statistics
    assert ("vector",) not in statistics
