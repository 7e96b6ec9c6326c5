"""SIS moves in: its JSON backup and its database."""

import base64
import hashlib
import io
from datetime import date
from pathlib import Path

import pytest
from django.contrib.auth.hashers import check_password
from django.test import override_settings
from PIL import Image

from apps.accounts.models import Faculty, Membership, Student, User
from apps.attendance.models import AttendanceRecord, AttendanceSummary
from apps.biometrics.models import FaceSample, StoredImage
from apps.common.errors import Invalid
from apps.enrollments.models import Enrollment, Grade, Placement, Term
from apps.privacy.models import Consent
from apps.sessions.models import ClassSession
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from campus.settings import base
from tests.factories import PASSWORD, Cast
from tests.legacy.support import (
    NOW,
    assert_reconciled,
    counts,
    json_file,
    move,
    reasons,
    sqlite_file,
    table,
)

pytestmark = pytest.mark.django_db
MD5 = "django.contrib.auth.hashers.MD5PasswordHasher"  # of the tests' other accounts
real_hashers = override_settings(PASSWORD_HASHERS=base.PASSWORD_HASHERS)

# The models of the storage guide, as SQLAlchemy makes them.
SCHEMA = """
CREATE TABLE student (
    id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(100) NOT NULL, age INTEGER NOT NULL,
    class_name VARCHAR(10) NOT NULL, section VARCHAR(5) NOT NULL, face_data TEXT
);
CREATE TABLE user (
    id INTEGER NOT NULL PRIMARY KEY, username VARCHAR(80) NOT NULL UNIQUE,
    password_hash VARCHAR(120) NOT NULL, role VARCHAR(20) NOT NULL,
    student_id INTEGER REFERENCES student (id)
);
CREATE TABLE attendance (
    id INTEGER NOT NULL PRIMARY KEY, student_id INTEGER NOT NULL REFERENCES student (id),
    date DATE NOT NULL, face_data TEXT
);
CREATE TABLE mark (
    id INTEGER NOT NULL PRIMARY KEY, student_id INTEGER NOT NULL REFERENCES student (id),
    subject VARCHAR(50) NOT NULL, marks INTEGER NOT NULL, grade VARCHAR(2) NOT NULL,
    date_added DATETIME
);
CREATE TABLE teacher (
    id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(100) NOT NULL, subject VARCHAR(50) NOT NULL
);
"""


def photo() -> str:
    buffer = io.BytesIO()
    Image.effect_noise((64, 64), 80).convert("RGB").save(buffer, format="JPEG")
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def werkzeug_scrypt(password: str) -> str:
    digest = hashlib.scrypt(
        password.encode(), salt=b"saltsaltsaltsalt", n=2**15, r=8, p=1, maxmem=2**26, dklen=64
    )
    return f"scrypt:32768:8:1$saltsaltsaltsalt${digest.hex()}"


def werkzeug_pbkdf2(password: str) -> str:
    digest = hashlib.pbkdf2_hmac("sha256", password.encode(), b"salt", 1000).hex()
    return f"pbkdf2:sha256:1000$salt${digest}"


STUDENTS = [
    (1, "Ada O'Neill", 16, "10", "A", photo()),
    (2, "Robert'); DROP TABLE accounts_student;--", 17, "10", "A", None),
    (3, "Zoë 你好", 15, "9 b", "B", None),
]
ATTENDANCE = [
    (1, 1, "2026-03-02", None),
    (2, 2, "2026-03-02", None),
    (3, 1, "2026-03-03", photo()),
    (4, 1, "2026-03-03", None),  # the old system let the same day be marked twice
    (5, 3, "2025-11-03", None),
    (6, 99, "2026-03-03", None),
    (7, 1, "someday", None),
]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return sqlite_file(
        tmp_path / "school.db",
        SCHEMA,
        student=STUDENTS,
        user=[
            (1, "ada", werkzeug_scrypt("ada's old password"), "student", 1),
            (2, "bobby", werkzeug_pbkdf2("bobby's old password"), "student", 2),
            (3, "teacher", werkzeug_pbkdf2("teacher123"), "teacher", None),
            (4, "principal", werkzeug_pbkdf2("principal123"), "principal", None),
            (5, "ghost", "x", "student", 77),
            (6, "head", werkzeug_pbkdf2("head's old password"), "principal", None),
            (7, "admin@north.example", werkzeug_pbkdf2("chosen by a dump"), "principal", None),
        ],
        attendance=ATTENDANCE,
        mark=[
            (1, 1, "Maths", 91, "A", "2026-02-01 10:00:00"),
            (2, 1, "maths", 91, "A", "2026-02-01 11:00:00"),
            (3, 2, "Maths", -3, "F", "2026-02-01 10:00:00"),
            (4, 88, "Maths", 50, "C", "2026-02-01 10:00:00"),
        ],
        teacher=[(1, "Grace Hopper", "Maths"), (2, "Alan Turing", "Logic")],
    )


def test_every_row_of_the_database_is_accounted_for(cast: Cast, database: Path) -> None:
    report = move(cast, "sis", database)
    assert_reconciled(report)
    assert report.saved
    assert counts(report, "student") == (3, 3, 0, 0, 0, 0)
    assert counts(report, "teacher") == (2, 2, 0, 0, 0, 0)
    assert counts(report, "user") == (7, 2, 0, 1, 2, 2)
    assert counts(report, "mark") == (4, 1, 0, 0, 1, 2)
    assert counts(report, "attendance") == (7, 4, 0, 0, 1, 2)
    assert table(report, "student").columns["face_data"].startswith("1 cells left out")


def test_people_arrive_as_they_were(cast: Cast, database: Path) -> None:
    move(cast, "sis", database)
    with campus_scope(cast.campus):
        ada, bobby, zoe = Student.objects.filter(code__startswith="SIS-").order_by("code")
        assert (ada.full_name, ada.age, ada.email) == ("Ada O'Neill", 16, "ada@north.example")
        assert bobby.full_name == STUDENTS[1][1]
        assert (zoe.full_name, zoe.email) == ("Zoë 你好", "sis-3@north.example")
        placed = {p.student_id: str(p.section) for p in Placement.objects.select_related("section")}
        assert (placed[ada.pk], placed[zoe.pk]) == ("10-1A", "9-b-1B")
        assert Faculty.objects.get(code="SIS-T1").full_name == "Grace Hopper"
        assert Membership.objects.get(user__email="principal@north.example").role == "principal"
        grade = Grade.objects.get(student=ada)
        assert (grade.points, grade.grade, grade.given_on) == (91, "A", date(2026, 2, 1))


@real_hashers
def test_old_passwords_open_and_published_ones_do_not(cast: Cast, database: Path) -> None:
    Campus.objects.filter(pk=cast.campus.pk).update(verified_domains=["north.example"])
    move(cast, "sis", database)
    found = dict(
        User.objects.filter(email__endswith="@north.example").values_list("email", "password")
    )
    assert check_password("ada's old password", found["ada@north.example"])
    assert check_password("bobby's old password", found["bobby@north.example"])
    assert check_password("head's old password", found["head@north.example"])
    with override_settings(PASSWORD_HASHERS=[*base.PASSWORD_HASHERS, MD5]):
        for known in ("principal@north.example", "admin@north.example"):
            assert check_password(PASSWORD, found[known])
    assert found["sis-3@north.example"].startswith("!")


def test_a_day_of_a_class_is_a_register(cast: Cast, database: Path) -> None:
    report = move(cast, "sis", database)
    with campus_scope(cast.campus):
        sessions = ClassSession.objects.filter(course__subject__code="SIS-DAY").order_by("held_on")
        days = [(s.held_on, s.status, s.total_attended, s.total_enrolled) for s in sessions]
        assert days == [
            (date(2025, 11, 3), "completed", 1, 1),
            (date(2026, 3, 2), "completed", 2, 2),
            (date(2026, 3, 3), "completed", 1, 2),
        ]
        marks = AttendanceRecord.objects.filter(student__code="SIS-2").order_by("session__held_on")
        assert [(m.status, m.source) for m in marks] == [
            ("present", "imported"),
            ("absent", "imported"),
        ]
        summary = AttendanceSummary.objects.get(student__code="SIS-2")
        assert (summary.attended_sessions, summary.total_sessions) == (1, 2)
        term = Term.objects.get(name="Old register")
        assert (term.academic_year, term.starts_on) == ("2025-2026", date(2025, 11, 3))
        statuses = Enrollment.objects.filter(course__term=term).values_list("status", flat=True)
        assert set(statuses) == {"completed"}
    shares = {pair.name: pair for c in report.comparisons[-2:-1] for pair in c.differing}
    assert shares["SIS-1"].before == "4/4 = 100.00 %"
    assert shares["SIS-1"].after == "2/2 = 100.00 %"
    assert shares["SIS-1"].reason == "1 rows about a session twice, 1 rows left out"
    assert shares["SIS-2"].after == "1/2 = 50.00 %"
    assert shares["SIS-2"].reason == "1 absences that the old system kept no row for"


def test_a_dry_run_says_the_same_and_saves_nothing(cast: Cast, database: Path) -> None:
    dry = move(cast, "sis", database, dry=True)
    assert not dry.saved
    with campus_scope(cast.campus):
        assert not Student.objects.filter(code__startswith="SIS-").exists()
        assert not Term.objects.filter(name="Old register").exists()
    real = move(cast, "sis", database)
    assert dry.as_json() | {"saved": True} == real.as_json()


def test_the_same_source_again_changes_nothing(cast: Cast, database: Path) -> None:
    move(cast, "sis", database)
    again = move(cast, "sis", database)
    assert_reconciled(again)
    assert sum(found.new + found.changed for found in again.tables) == 0


def test_a_later_state_brings_the_difference(cast: Cast, database: Path, tmp_path: Path) -> None:
    move(cast, "sis", database)
    later = sqlite_file(
        tmp_path / "later.db",
        SCHEMA,
        student=[*STUDENTS, (4, "New Student", 16, "10", "A", None)],
        attendance=[*ATTENDANCE, (8, 4, "2026-03-04", None), (9, 2, "2026-03-03", None)],
    )
    report = move(cast, "sis", later)
    assert_reconciled(report)
    assert counts(report, "student") == (4, 1, 0, 3, 0, 0)
    assert counts(report, "attendance") == (9, 1, 1, 4, 1, 2)
    with campus_scope(cast.campus):
        mark = AttendanceRecord.objects.get(
            student__code="SIS-2", session__held_on=date(2026, 3, 3)
        )
        assert mark.status == "present"


def test_all_registers_go_into_a_chosen_term_that_has_their_days(
    cast: Cast, database: Path
) -> None:
    with campus_scope(cast.campus):
        narrow = Term.objects.create(
            name="Narrow", academic_year="2025-2026", starts_on="2026-03-01", ends_on="2026-03-31"
        )
        wide = Term.objects.create(
            name="Wide", academic_year="2025-2026", starts_on="2025-08-01", ends_on="2026-12-31"
        )
        for term in (narrow, wide):
            term.refresh_from_db()
    with pytest.raises(Invalid) as refused:
        move(cast, "sis", database, term=narrow)
    assert refused.value.code == "outside_term"
    assert_reconciled(move(cast, "sis", database, term=wide))
    with campus_scope(cast.campus):
        held = ClassSession.objects.filter(course__subject__code="SIS-DAY")
        assert {session.course.term_id for session in held} == {wide.pk}
        assert not Term.objects.filter(name="Old register").exists()
        statuses = Enrollment.objects.filter(course__term=wide).values_list("status", flat=True)
        assert set(statuses) == {"enrolled"}


def test_a_mark_that_was_corrected_here_stays(cast: Cast, database: Path) -> None:
    move(cast, "sis", database)
    with campus_scope(cast.campus):
        AttendanceRecord.objects.filter(
            student__code="SIS-1", session__held_on=date(2026, 3, 2)
        ).update(status="excused", source="corrected")
    report = move(cast, "sis", database)
    assert_reconciled(report)
    assert reasons(report, "attendance")["was marked here meanwhile: that stays"] == 1


def test_photos_wait_for_consent(cast: Cast, database: Path) -> None:
    report = move(cast, "sis", database)
    assert report.notes[-1].startswith("2 photos left out: no consent to faces")
    with campus_scope(cast.campus):
        assert not StoredImage.objects.exists()
        ada = Student.objects.get(code="SIS-1")
        Consent.objects.create(student=ada, kind="face", version="1", given_at=NOW)
        cast.campus.face_enabled = True
        cast.campus.save(update_fields=["face_enabled"])
    report = move(cast, "sis", database)
    assert "2 photos taken as samples to be checked" in report.notes
    with campus_scope(cast.campus):
        samples = FaceSample.objects.filter(student=ada)
        assert {sample.status for sample in samples} == {"pending"}


def test_the_json_backup_loses_nothing_that_it_holds(cast: Cast, tmp_path: Path) -> None:
    backup = json_file(
        tmp_path / "backup_data.json",
        {
            "students": {
                "1": {
                    "name": "Ada",
                    "age": 16,
                    "class": "10",
                    "section": "A",
                    "face_data": None,
                    "attendance": ["2026-03-02", "2026-03-03"],
                    "marks": [
                        {"subject": "Maths", "marks": 90, "grade": "A", "date": "2026-02-01"}
                    ],
                },
            },
            "teachers": [{"name": "Grace", "subject": "Maths", "id": 1}],
            "users": {"ada": {"password": "in the clear", "role": "student", "student_id": 1}},
            "buses": [{"number": 7}],
            "version": "1",
        },
    )
    report = move(cast, "sis", backup)
    assert_reconciled(report)
    assert counts(report, "students") == (1, 1, 0, 0, 0, 0)
    assert counts(report, "attendance") == (2, 2, 0, 0, 0, 0)
    assert counts(report, "marks") == (1, 1, 0, 0, 0, 0)
    assert counts(report, "users") == (1, 0, 0, 0, 1, 0)
    assert reasons(report, "buses") == {"This system is not known to have such a table.": 1}
    assert any("key “version”" in note for note in report.notes)
    assert "Passwords: 0 taken over, 1 of no known kind (ask for a link)." in report.notes
    assert_reconciled(move(cast, "sis", backup))
