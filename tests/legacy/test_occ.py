"""OCC moves in: its SQLite file and the folder beside it, pickles included, which are not run."""

import io
import os
import pickle
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from apps.accounts.models import Faculty, Student
from apps.attendance.models import AttendanceRecord
from apps.biometrics.models import FaceSample
from apps.common.errors import Invalid
from apps.old_databases.pickles import ArraySeen, pickle_parse
from apps.privacy.models import Consent
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.factories import Cast
from tests.legacy.support import NOW, assert_reconciled, counts, move, reasons, sqlite_file

SCHEMA = """
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT UNIQUE, role TEXT,
    face_encoding BLOB, created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE attendance_logs (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users (id),
    status TEXT, timestamp TIMESTAMP DEFAULT CURRENT_TIMESTAMP, snapshot_path TEXT);
CREATE TABLE unknown (snapshot_path TEXT, first_seen TEXT, last_seen TEXT, seen_count INTEGER);
CREATE TABLE face_events (id INTEGER PRIMARY KEY, timestamp TEXT, event_type TEXT, user_id TEXT,
    image_path TEXT, confidence REAL);
CREATE TABLE system_events (id INTEGER PRIMARY KEY, timestamp TEXT, event_type TEXT, details TEXT);
"""


class Bomb:
    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, ...]]:
        return os.system, ("touch exploded",)


def learning() -> dict[str, Any]:
    return {
        "features": np.arange(12, dtype=np.float32).reshape(3, 4),
        "labels": ["john_doe", "jane", 7],
        "meta": {"threshold": 0.6, "scale": np.float64(2.5), "when": None, "raw": b"\0\1"},
    }


def image(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    Image.effect_noise((80, 80), 90).convert("RGB").save(buffer, format="JPEG")
    path.write_bytes(buffer.getvalue())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "occur"
    image(root / "face_db" / "user_001" / "sample_20260301_090000.jpg")
    image(root / "face_db" / "user_001" / "sample_002.jpg")
    image(root / "face_db" / "user_077" / "sample_001.jpg")
    image(root / "unknown" / "unknown_20260302_101010.jpg")
    image(root / "snapshots" / "2026" / "03" / "02" / "user_1" / "snapshot_001.jpg")
    image(tmp_path / "outside.jpg")
    (root / "face_db" / "user_002").mkdir()
    (root / "face_db" / "user_002" / "sample_001.jpg").symlink_to(tmp_path / "outside.jpg")
    (root / "learning_data.pkl").write_bytes(pickle.dumps(learning()))
    (root / "feature_cache").mkdir()
    (root / "feature_cache" / "user_features.pkl").write_bytes(pickle.dumps(Bomb()))
    sqlite_file(
        root / "occur-call.db",
        SCHEMA,
        users=[
            (1, "John Doe", "john@north.example", "student", b"\0\1", "2026-01-01 00:00:00"),
            (2, "Jane'; --", "jane@north.example", None, None, "2026-01-01 00:00:00"),
            (3, "Grace", "grace@north.example", "Teacher", None, "2026-01-01 00:00:00"),
            (4, "Root", "root@north.example", "admin", None, "2026-01-01 00:00:00"),
        ],
        attendance_logs=[
            (1, 1, "recognized", "2026-03-02 08:00:00", "snapshots/x.jpg"),
            (2, 1, "recognized", "2026-03-02 12:00:00", None),
            (3, 2, "manual", "2026-03-02T08:30:00+01:00", None),
            (4, 1, "corrected", "2026-03-03 08:00:00", None),
            (5, 3, "recognized", "2026-03-02 08:00:00", None),
            (6, 99, "recognized", "2026-03-02 08:00:00", None),
            (7, 1, "recognized", "yesterday", None),
        ],
        unknown=[("unknown/a.jpg", "2026-03-02", "2026-03-02", 3)],
        face_events=[(1, "2026-03-02T08:00:00", "recognized", "1", None, 0.95)],
        system_events=[(1, "2026-03-02T08:00:00", "system_start", None)],
    )
    return root


@pytest.mark.django_db
def test_every_row_and_image_is_accounted_for(
    cast: Cast, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    report = move(cast, "occ", folder)
    assert_reconciled(report)
    assert counts(report, "users") == (4, 3, 0, 0, 0, 1)
    assert counts(report, "attendance_logs") == (7, 3, 0, 0, 1, 3)
    assert reasons(report, "attendance_logs") == {
        "Of faculty, who have no register here.": 1,
        "Names nobody who was brought.": 1,
        "Not a moment, like 2026-09-01 09:05:00.": 1,
    }
    for name in ("unknown", "face_events", "system_events"):
        assert counts(report, name) == (1, 0, 0, 0, 0, 1)
    notes = "\n".join(report.notes)
    assert "2 photos left out: no consent" in notes
    assert "1 photos left out: of nobody who was brought" in notes
    assert "1 images below snapshots left out" in notes
    assert "1 images below unknown left out" in notes
    assert "learning_data.pkl: 1 arrays (1 of 3x4)" in notes
    assert "user_features.pkl: A pickle file holds more than data" in notes
    assert not (folder / "exploded").exists()


@pytest.mark.django_db
def test_a_day_is_a_register_without_absences(cast: Cast, folder: Path) -> None:
    move(cast, "occ", folder)
    with campus_scope(cast.campus):
        sessions = ClassSession.objects.filter(course__code="OCC-CAMERA").order_by("held_on")
        assert [(s.held_on, s.total_attended) for s in sessions] == [
            (date(2026, 3, 2), 2),
            (date(2026, 3, 3), 1),
        ]
        assert set(AttendanceRecord.objects.values_list("status", flat=True)) == {"present"}
        assert Student.objects.get(code="OCC-2").full_name == "Jane'; --"
        assert Faculty.objects.filter(code="OCC-3").exists()
    again = move(cast, "occ", folder)
    assert_reconciled(again)
    assert {t.name: (t.new, t.changed) for t in again.tables if t.new + t.changed} == {}


@pytest.mark.django_db
def test_samples_of_who_agreed_come(cast: Cast, folder: Path) -> None:
    move(cast, "occ", folder)
    with campus_scope(cast.campus):
        for person in Student.objects.filter(code__startswith="OCC-"):
            Consent.objects.create(student=person, kind="face", version="1", given_at=NOW)
        cast.campus.face_enabled = True
        cast.campus.save(update_fields=["face_enabled"])
    move(cast, "occ", folder)
    with campus_scope(cast.campus):
        assert [s.student.code for s in FaceSample.objects.all()] == ["OCC-1", "OCC-1"]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_data_of_every_protocol_is_read(protocol: int) -> None:
    found = pickle_parse(pickle.dumps(learning(), protocol))
    assert found["features"] == ArraySeen((3, 4))
    assert found["labels"] == ["john_doe", "jane", 7]
    assert found["meta"]["threshold"] == 0.6
    assert found["meta"]["when"] is None


def persistent() -> bytes:
    return b"\x80\x04\x8c\x01xQ."


@pytest.mark.parametrize(
    "data",
    [
        pickle.dumps(Bomb(), 0),
        pickle.dumps(Bomb()),
        pickle.dumps({"features": [Bomb()]}),
        pickle.dumps(Path("x")),
        pickle.dumps(ValueError("x")),
        persistent(),
        b"cos\nsystem\n(S'true'\ntR.",
        b"(S'true'\nios\nsystem\n.",
        b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R.",
        b"\x80\x04cnumpy.core.multiarray\n_reconstruct\ncos\nsystem\n\x85R.",
        b"\x80\x04N",
        b"\x80\x04.",
        b"",
        b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7f.",
        b"\x80\x04](a",
        b"\x80\x04N}a.",
    ],
)
def test_what_would_act_or_is_damaged_is_refused(data: bytes) -> None:
    with pytest.raises(Invalid) as refused:
        pickle_parse(data)
    assert refused.value.code == "pickle_refused"


def test_a_pickle_that_grows_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    doubling = b"\x80\x04]q\x00" + b"(h\x00h\x00e" * 40 + b"."
    found = pickle_parse(doubling)  # a list that holds itself is only named, never copied
    assert isinstance(found, list)
    for limit in ("MAX_OPCODES", "MAX_ITEMS"):
        with monkeypatch.context() as patch:
            patch.setattr(f"apps.old_databases.pickles.{limit}", 1000)
            with pytest.raises(Invalid, match="too large"):
                pickle_parse(b"\x80\x04" + b"(" * 1100 + b".")
