"""Distances of photos to stored templates, each of which lies in a frame of its own.

One photo: its vector is turned into the frame of each template, and PostgreSQL computes all
distances in one statement. Several photos at once, or a whole campus: the templates are turned back
in the worker's memory, for one product of matrices.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from django.db import connection
from numpy.typing import NDArray
from psycopg.adapt import Dumper
from psycopg.pq import Format

from apps.biometrics.frames import turned, turned_back
from apps.biometrics.models import FaceModel
from apps.biometrics.vectors import frame_keys
from apps.tenants.scope import current_campus_id

Vector = NDArray[np.float32]
Matrix = NDArray[np.float32]

_ROWS: Final = """
    SELECT id, student_id, frame, pg_typeof(vector)::oid::bigint{vector}
    FROM biometrics_facetemplate
    WHERE campus_id = %s AND model_id = %s AND key_generation = %s{more}
    ORDER BY student_id, id
"""
_SEND: Final = ", vector_send(vector)"
_THEIRS: Final = " AND student_id = ANY(%s::bigint[])"
_ONLY: Final = " AND id = ANY(%s::bigint[])"
_MEANS: Final = """
    SELECT held.student_id, avg(held.vector <=> probe.vector)::float8, count(*)
    FROM unnest(%s::bigint[], %s::vector[]) AS probe (id, vector)
    JOIN biometrics_facetemplate held ON held.campus_id = %s AND held.id = probe.id
    GROUP BY held.student_id
    ORDER BY 2, 1
"""


@dataclass(frozen=True, kw_only=True)
class Held:
    """Templates of one model and generation of the key, without their vectors."""

    ids: list[int]
    students: list[int]
    frames: list[bytes]
    generation: int
    type_of_vector: int = 0  # PostgreSQL's number of it; 0 without any template

    def keys(self) -> list[bytes]:
        return frame_keys(self.frames, generation=self.generation)


@dataclass(frozen=True, kw_only=True)
class MeanDistance:
    """Of a photo to all templates of a student."""

    student_id: int
    distance: float  # cosine, 0..2
    templates: int


def held_templates(*, model: FaceModel, generation: int, student_ids: Sequence[int]) -> Held:
    """Those of these students; one statement."""
    rows = _rows(model, generation, _THEIRS, list(student_ids), vector="")
    return Held(
        ids=[row[0] for row in rows],
        students=[row[1] for row in rows],
        frames=[bytes(row[2]) for row in rows],
        generation=generation,
        type_of_vector=rows[0][3] if rows else 0,
    )


def mean_distances(vector: Vector, held: Held) -> list[MeanDistance]:
    """Of one plain vector to each student, the nearest first; one statement."""
    if not held.ids:
        return []
    probes = VectorArray(_array_of(turned(vector, held.keys()), held.type_of_vector))
    with connection.cursor() as cursor:
        cursor.cursor.adapters.register_dumper(VectorArray, VectorArrayDumper)
        cursor.execute(_MEANS, [_written(held.ids), probes, current_campus_id()])
        rows = cursor.fetchall()
    return [MeanDistance(student_id=who, distance=far, templates=n) for who, far, n in rows]


def plain_templates(
    *,
    model: FaceModel,
    generation: int,
    student_ids: Sequence[int] | None = None,
    ids: Sequence[int] | None = None,
) -> tuple[list[int], list[int], Matrix]:
    """Ids, students and plain vectors (n, dimension), for this process's memory alone.

    Of these students, of these templates, or of the whole campus; one statement.
    """
    wanted = student_ids if ids is None else ids
    more = "" if wanted is None else _THEIRS if ids is None else _ONLY
    rows = _rows(model, generation, more, None if wanted is None else list(wanted), vector=_SEND)
    keys = frame_keys((bytes(row[2]) for row in rows), generation=generation)
    stored = np.array([_numbers(row[4]) for row in rows], np.float32).reshape(
        len(rows), model.dimension
    )
    return [row[0] for row in rows], [row[1] for row in rows], turned_back(stored, keys)


def _rows(
    model: FaceModel, generation: int, more: str, wanted: list[int] | None, *, vector: str
) -> list[Any]:
    statement = _ROWS.format(vector=vector, more=more)
    parameters: list[Any] = [current_campus_id(), model.pk, generation]
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters if wanted is None else [*parameters, _written(wanted)])
        return list(cursor.fetchall())


def _written(numbers: Sequence[int]) -> str:
    """`bigint[]` as text, ten times faster than the driver, which looks at each number's type."""
    return f"{{{','.join(map(str, numbers))}}}"


class VectorArray(bytes):
    """`vector[]` as PostgreSQL receives it."""


class VectorArrayDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Any) -> bytes:
        return bytes(obj)


def _array_of(vectors: Matrix, type_of_vector: int) -> bytes:
    """In binary: a hundred times faster than as text. Formats: `array_recv` of PostgreSQL and
    `vector_recv` of pgvector."""
    count, dimension = vectors.shape
    head = np.array([1, 0, type_of_vector, count, 1], dtype=">i4")
    row = np.dtype(
        [("bytes", ">i4"), ("dimension", ">i2"), ("unused", ">i2"), ("x", ">f4", dimension)]
    )
    rows = np.zeros(count, dtype=row)
    rows["bytes"], rows["dimension"], rows["x"] = 4 + 4 * dimension, dimension, vectors
    return head.tobytes() + rows.tobytes()


def _numbers(sent: Any) -> Vector:
    """A vector as `vector_send` writes it."""
    return np.frombuffer(bytes(sent), dtype=">f4", offset=4).astype(np.float32)
