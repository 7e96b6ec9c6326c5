"""PGF moves in: its SQLite database with photos and vectors beside it."""

import io
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from PIL import Image

from apps.accounts.models import Student
from apps.attendance.models import AttendanceRecord, AttendanceSummary
from apps.biometrics.models import FaceSample, FaceTemplate
from apps.enrollments.models import Enrollment
from apps.privacy.models import Consent
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.factories import Cast
from tests.legacy.support import (
    NOW,
    assert_reconciled,
    counts,
    move,
    reasons,
    sqlite_file,
    table,
    text_file,
)

pytestmark = pytest.mark.django_db

SCHEMA = """
CREATE TABLE classes (id INTEGER PRIMARY KEY, name TEXT, created_at TEXT);
CREATE TABLE students (
    id INTEGER PRIMARY KEY, student_id TEXT UNIQUE, name TEXT, email TEXT, phone TEXT,
    class_id INTEGER, face_encoding_path TEXT, photo_path TEXT, is_active INTEGER, created_at TEXT
);
CREATE TABLE attendance_sessions (
    id INTEGER PRIMARY KEY, class_id INTEGER, session_name TEXT, start_time TEXT, end_time TEXT
);
CREATE TABLE attendance_records (
    id INTEGER PRIMARY KEY, session_id INTEGER, student_id INTEGER, confidence REAL,
    timestamp TEXT, detection_metadata TEXT
);
"""
MIGRATED = '{"detection_method": "facenet512", "migrated_from_sqlite": true}'


@pytest.fixture
def database(tmp_path: Path) -> Path:
    buffer = io.BytesIO()
    Image.effect_noise((80, 80), 90).convert("RGB").save(buffer, format="PNG")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "ada.png").write_bytes(buffer.getvalue())
    (tmp_path.parent / "secret.png").write_bytes(buffer.getvalue())
    return sqlite_file(
        tmp_path / "attendance.db",
        SCHEMA,
        classes=[(1, "Biology'); DROP TABLE x;--", "2025-01-01"), (2, "Empty", "2025-01-01")],
        students=[
            (
                1,
                "P1",
                "Ada",
                "ada@north.example",
                "+4915112345678",
                1,
                "enc/1.npy",
                "photos/ada.png",
                1,
                "2026-01-01 10:00:00",
            ),
            (
                2,
                "P2",
                "Zoë 你好",
                "zoe@north.example",
                "0151",
                1,
                "enc/2.npy",
                "../secret.png",
                1,
                "2026-03-10 10:00:00",
            ),
            (3, "P3", "Gone", "gone@north.example", None, 1, None, None, 0, "2026-01-01"),
            (4, None, "Nameless", "no-number@north.example", None, None, None, None, 1, None),
        ],
        attendance_sessions=[
            (1, 1, "Cells", "2026-03-02 09:00:00", "2026-03-02 10:00:00"),
            (2, 1, "Plants", "2026-03-16 09:00:00", None),
            (3, 1, "Unused", "2026-03-17 09:00:00", None),
            (4, 9, "Nowhere", "2026-03-17 09:00:00", None),
            (5, 1, "Backwards", "2026-03-18 09:00:00", "2026-03-18 08:00:00"),
        ],
        attendance_records=[
            (1, 1, 1, 0.87654, "2026-03-02 09:01:00", "{}"),
            (2, 1, 1, 0.91, "2026-03-02 09:02:00", "{}"),
            (3, 2, 2, None, "2026-03-16 09:01:00", "{}"),
            (4, 2, 1, 0.9, "2026-03-16 09:02:00", MIGRATED),
            (5, 2, 99, 0.9, "2026-03-16 09:02:00", "{}"),
            (6, 2, 3, 1.5, "2026-03-16 09:02:00", "{}"),
            (7, 5, 1, 0.8, "2026-03-18 09:00:00", "{}"),
        ],
    )


def test_every_row_is_accounted_for(cast: Cast, database: Path) -> None:
    report = move(cast, "pgf", database)
    assert_reconciled(report)
    assert counts(report, "classes") == (2, 2, 0, 0, 0, 0)
    assert counts(report, "students") == (4, 4, 0, 0, 0, 0)
    assert counts(report, "attendance_sessions") == (5, 2, 0, 0, 0, 3)
    assert reasons(report, "attendance_sessions") == {
        "Nobody was recorded in it.": 1,
        "Names no class that was brought.": 1,
        "Ends before it starts.": 1,
    }
    assert counts(report, "attendance_records") == (7, 3, 0, 0, 1, 3)
    assert table(report, "students").columns["face_encoding_path"].startswith("2 cells left out")
    with campus_scope(cast.campus):
        assert not FaceTemplate.objects.exists()


def test_confidence_is_kept_and_never_made_up(cast: Cast, database: Path) -> None:
    move(cast, "pgf", database)
    with campus_scope(cast.campus):
        marks = AttendanceRecord.objects.filter(source="imported", status="present")
        found = [
            (m.verification_score, m.biometric_verified, m.notes)
            for m in marks.order_by("recorded_at")
        ]
    assert found == [
        (Decimal("0.91"), True, "Confidence 0.91"),
        (Decimal("0.00"), False, "Confidence not recorded"),
        (Decimal("0.00"), False, "Confidence not recorded"),
    ]


def test_who_was_not_recorded_was_absent_once_they_had_come(cast: Cast, database: Path) -> None:
    report = move(cast, "pgf", database)
    with campus_scope(cast.campus):
        sessions = ClassSession.objects.filter(course__code="PGF-1").order_by("starts_at")
        assert [(s.topic, s.ends_at) for s in sessions] == [
            ("Cells", datetime(2026, 3, 2, 9, 0, tzinfo=UTC)),
            ("Plants", datetime(2026, 3, 16, 9, 0, tzinfo=UTC)),
        ]
        sums = {
            s.student.code: (s.attended_sessions, s.total_sessions)
            for s in AttendanceSummary.objects.filter(course__code="PGF-1").select_related(
                "student"
            )
        }
        assert sums == {"P1": (2, 2), "P2": (1, 1), "P3": (0, 2)}
        joined = Enrollment.objects.get(student__code="P2", course__code="PGF-1").enrolled_on
        assert joined == date(2026, 3, 10)
        assert not Student.objects.get(code="P3").is_active
    shares = {p.name: p for c in report.comparisons for p in c.differing}
    assert shares["P1"].reason == "1 rows about a session twice, 1 rows left out"


def test_the_same_source_again_changes_nothing(cast: Cast, database: Path) -> None:
    move(cast, "pgf", database)
    again = move(cast, "pgf", database)
    assert_reconciled(again)
    assert {t.name: (t.new, t.changed) for t in again.tables if t.new + t.changed} == {}


def test_photos_of_who_agreed_come_and_none_from_outside_the_folder(
    cast: Cast, database: Path
) -> None:
    move(cast, "pgf", database)
    with campus_scope(cast.campus):
        for person in Student.objects.filter(code__in=["P1", "P2"]):
            Consent.objects.create(student=person, kind="face", version="1", given_at=NOW)
        cast.campus.face_enabled = True
        cast.campus.save(update_fields=["face_enabled"])
    report = move(cast, "pgf", database)
    assert "1 photos taken as samples to be checked" in report.notes
    assert any("leads out of the folder" in note for note in report.notes)
    with campus_scope(cast.campus):
        assert FaceSample.objects.get().student.code == "P1"


def test_the_postgresql_of_the_guide_is_read_too(cast: Cast, tmp_path: Path) -> None:
    dump = text_file(
        tmp_path / "pgf.sql",
        "COPY public.classes (id, class_name) FROM stdin;\n1\tBiology\n\\.\n"
        "COPY public.students (id, uuid, student_id, name, email, class_id, face_encoding,"
        " is_active) FROM stdin;\n1\tu\tP1\tAda\tada@north.example\t1\t{0.1,0.2}\tt\n\\.\n"
        "COPY public.attendance_sessions (id, class_id, date, start_time) FROM stdin;\n"
        "1\t1\t2026-03-02\t09:00:00\n2\t1\t2026-03-03\t\\N\n\\.\n"
        "COPY public.attendance_records (id, session_id, student_id, confidence, timestamp,"
        " detection_metadata) FROM stdin;\n1\t1\t1\t0.95\t2026-03-02 08:01:00+00\t{}\n"
        "2\t2\t1\t0.95\t2026-03-03 08:01:00+00\t{}\n\\.\n",
    )
    report = move(cast, "pgf", dump)
    assert_reconciled(report)
    with campus_scope(cast.campus):
        first, second = ClassSession.objects.filter(course__code="PGF-1").order_by("starts_at")
        assert first.starts_at == datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
        assert (second.ends_at - second.starts_at).days == 1
