# ruff: noqa: E501  (rows of a dump)
"""INT moves in: a dump of its twelve tables."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import bcrypt
import pytest
from django.contrib.auth.hashers import check_password
from django.test import override_settings

from apps.accounts.models import AllowedAddress, Device, Faculty, Membership, Student, User
from apps.attendance.models import AttendanceRecord, AttendanceSummary
from apps.classrooms.models import Classroom
from apps.enrollments.models import Course, Enrollment, Term
from apps.sessions.models import ClassSession
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from apps.timetable.models import WeeklySlot
from campus.settings import base
from tests.factories import Cast, make_user
from tests.legacy.support import assert_reconciled, counts, move, reasons, table, text_file

pytestmark = pytest.mark.django_db
real_hashers = override_settings(PASSWORD_HASHERS=base.PASSWORD_HASHERS)
BROKEN_HASH = "$2b$12$LQv3c1yqBwUVHdkuLM3uXeH6GS"  # of the old system's own sample data

# The twelve tables of the design, their columns in its order.
SCHEMA = """
-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)
CREATE TABLE `faculty` (`faculty_id` int NOT NULL AUTO_INCREMENT, `faculty_code` varchar(20) NOT NULL,
  `first_name` varchar(50) NOT NULL, `last_name` varchar(50) NOT NULL, `email` varchar(100) NOT NULL,
  `phone_number` varchar(15) NOT NULL, `department` varchar(100) NOT NULL,
  `password_hash` varchar(255) NOT NULL, `is_active` tinyint(1) DEFAULT '1',
  `created_at` timestamp NULL, `updated_at` timestamp NULL, PRIMARY KEY (`faculty_id`),
  UNIQUE KEY `faculty_code` (`faculty_code`)) ENGINE=InnoDB;
CREATE TABLE `students` (`student_id` int NOT NULL, `student_code` varchar(20) NOT NULL,
  `first_name` varchar(50), `last_name` varchar(50), `email` varchar(100), `phone_number` varchar(15),
  `year_of_study` int, `program` varchar(100), `password_hash` varchar(255), `is_active` tinyint(1),
  `created_at` timestamp NULL, `updated_at` timestamp NULL,
  CONSTRAINT `y` CHECK ((`year_of_study` between 1 and 4))) ENGINE=InnoDB;
CREATE TABLE `classrooms` (`classroom_id` int, `room_number` varchar(20), `building_name` varchar(100),
  `floor_number` int, `capacity` int DEFAULT '50', `latitude` decimal(10,8), `longitude` decimal(11,8),
  `geofence_radius` decimal(8,2) DEFAULT '50.00', `bluetooth_beacon_id` varchar(100),
  `is_active` tinyint(1), `created_at` timestamp, `updated_at` timestamp) ENGINE=InnoDB;
CREATE TABLE `classes` (`class_id` int, `class_code` varchar(20), `class_name` varchar(100),
  `faculty_id` int, `classroom_id` int, `semester` varchar(20), `academic_year` varchar(9),
  `credits` int, `max_students` int, `schedule_day` enum('Monday','Tuesday'), `start_time` time,
  `end_time` time, `is_active` tinyint(1), `created_at` timestamp, `updated_at` timestamp);
CREATE TABLE `student_class_enrollments` (`enrollment_id` int, `student_id` int, `class_id` int,
  `enrollment_date` date, `status` enum('enrolled','dropped','completed'), `final_grade` varchar(5),
  `is_active` tinyint(1), `created_at` timestamp, `updated_at` timestamp);
CREATE TABLE `attendance_sessions` (`session_id` int, `class_id` int, `faculty_id` int,
  `session_date` date, `start_time` timestamp, `end_time` timestamp NULL, `qr_token` varchar(255),
  `qr_secret_key` varchar(255), `qr_expires_at` timestamp, `otp_used` varchar(10),
  `status` enum('active','completed','cancelled'), `total_students_enrolled` int,
  `total_students_present` int, `attendance_percentage` decimal(5,2), `created_at` timestamp,
  `updated_at` timestamp);
CREATE TABLE `attendance_records` (`record_id` int, `session_id` int, `student_id` int,
  `scan_timestamp` timestamp, `biometric_verified` tinyint(1), `location_verified` tinyint(1),
  `bluetooth_verified` tinyint(1), `gps_latitude` decimal(10,8), `gps_longitude` decimal(11,8),
  `gps_accuracy` decimal(8,2), `bluetooth_rssi` int, `device_info` json,
  `verification_score` decimal(3,2), `status` enum('present','late','absent','invalid'),
  `notes` text, `created_at` timestamp, `updated_at` timestamp);
CREATE TABLE `otp_logs` (`otp_id` int, `faculty_id` int, `otp_code` varchar(10));
CREATE TABLE `student_devices` (`device_id` int, `student_id` int, `device_uuid` varchar(255));
CREATE TABLE `attendance_summary` (`summary_id` int, `class_id` int, `student_id` int,
  `total_sessions` int, `attended_sessions` int, `attendance_percentage` decimal(5,2));
CREATE TABLE `qr_tokens_log` (`token_id` int, `session_id` int, `token_value` varchar(255));
CREATE TABLE `admins` (`admin_id` int, `username` varchar(50), `email` varchar(100),
  `password_hash` varchar(255), `first_name` varchar(50), `last_name` varchar(50),
  `role` enum('super_admin','admin','operator'), `is_active` tinyint(1), `last_login` timestamp,
  `created_at` timestamp, `updated_at` timestamp);
"""
# Of the size of the old system's sample data: 3, 5, 4, 4, 8 and 1.
SAMPLE = """
INSERT INTO `faculty` VALUES
 (1,'FAC001','John','Smith','f1@north.example','+12345678901','Computer Science','{hash}',1,NULL,NULL),
 (2,'FAC002','Sara','O\\'Neill','f2@north.example','555','Maths','{broken}',1,NULL,NULL),
 (3,'FAC003','Left','Long Ago','f3@north.example','+12345678903','Physics','{broken}',0,NULL,NULL);
INSERT INTO `students` VALUES
 (1,'STU001','Alice','Brown','s1@north.example',NULL,2,'B.Sc.','{hash}',1,NULL,NULL),
 (2,'STU002','Bob; DROP TABLE students','--','s2@north.example',NULL,2,'B.Sc.','{broken}',1,NULL,NULL),
 (3,'STU003','Zoë','你好 😀','s3@north.example',NULL,3,'B.Sc.','{broken}',1,NULL,NULL),
 (4,'STU004','Dan','White','s4@north.example',NULL,1,'B.Sc.','{broken}',1,NULL,NULL),
 (5,'STU005','Eve','Gone','s5@north.example',NULL,1,'B.Sc.','{broken}',0,NULL,NULL);
INSERT INTO `classrooms` VALUES
 (1,'101','Main',1,50,52.51627300,13.37770400,50.00,'BEACON-1',1,NULL,NULL),
 (2,'102','Main',1,40,NULL,NULL,50.00,NULL,1,NULL,NULL),
 (3,'201','Main',2,60,NULL,NULL,25.50,NULL,1,NULL,NULL),
 (4,'Lab','Annex',0,30,NULL,NULL,50.00,NULL,0,NULL,NULL);
INSERT INTO `classes` VALUES
 (1,'CS101','Programming',1,1,'Fall','2026-2027',4,60,'Monday','09:00:00','10:30:00',1,NULL,NULL),
 (2,'MA101','Algebra',2,2,'Fall','2026-2027',3,60,'Tuesday','09:00:00','10:30:00',1,NULL,NULL),
 (3,'PH101','Mechanics',3,NULL,'Spring','2024-2025',3,60,NULL,NULL,NULL,0,NULL,NULL),
 (4,'CS102','Data',1,3,'Fall','2026-2027',3,60,'Monday','11:00:00','12:00:00',1,NULL,NULL);
INSERT INTO `student_class_enrollments` VALUES
 (1,1,1,'2026-08-03','enrolled',NULL,1,NULL,NULL),(2,2,1,'2026-08-03','enrolled',NULL,1,NULL,NULL),
 (3,3,1,'2026-08-03','dropped',NULL,1,NULL,'2026-08-20 10:00:00'),
 (4,1,2,'2026-08-03','enrolled',NULL,1,NULL,NULL),(5,4,2,'2026-08-03','enrolled',NULL,1,NULL,NULL),
 (6,5,3,'2025-01-10','completed','A+',1,NULL,'2025-06-01 00:00:00'),
 (7,4,4,'2026-08-03','enrolled',NULL,0,NULL,'2026-08-21 00:00:00'),
 (8,2,4,'2026-08-03','enrolled',NULL,1,NULL,NULL);
INSERT INTO `attendance_sessions` VALUES
 (1,1,1,'2026-08-10','2026-08-10 09:00:00','2026-08-10 10:30:00','t1','k1',NULL,'123456','completed',2,1,50.00,NULL,NULL),
 (2,1,1,'2026-08-17','2026-08-17 09:00:00',NULL,'t2','k2',NULL,NULL,'active',0,0,0.00,NULL,NULL),
 (3,2,2,'2026-08-11','2026-08-11 09:00:00','2026-08-11 10:30:00',NULL,NULL,NULL,NULL,'cancelled',0,0,0,NULL,NULL),
 (4,1,1,'2026-08-18','2026-08-18 09:00:00','2026-08-18 08:00:00',NULL,NULL,NULL,NULL,'completed',0,0,0,NULL,NULL);
INSERT INTO `attendance_records` VALUES
 (1,1,1,'2026-08-10 09:02:00',1,1,0,52.5,13.4,8.00,-60,'{{"os": "13"}}',0.80,'present','on time',NULL,NULL),
 (2,1,2,'2026-08-10 09:20:00',0,1,0,NULL,NULL,NULL,NULL,NULL,0.60,'late',NULL,NULL,NULL),
 (3,2,1,'2026-08-17 09:01:00',0,0,0,NULL,NULL,NULL,NULL,NULL,0.00,'absent',NULL,NULL,NULL),
 (4,2,2,'2026-08-17 09:03:00',1,1,1,NULL,NULL,NULL,NULL,NULL,1.00,'present',NULL,NULL,NULL),
 (5,4,1,'2026-08-18 09:00:00',1,1,1,NULL,NULL,NULL,NULL,NULL,1.00,'present',NULL,NULL,NULL),
 (6,1,99,'2026-08-10 09:00:00',1,1,1,NULL,NULL,NULL,NULL,NULL,1.00,'present',NULL,NULL,NULL),
 (7,1,4,'2026-08-10 09:00:00',1,1,1,NULL,NULL,NULL,NULL,NULL,1.20,'present',NULL,NULL,NULL);
INSERT INTO `otp_logs` VALUES (1,1,'123456'),(2,1,'000000');
INSERT INTO `student_devices` VALUES (1,1,'uuid-1');
INSERT INTO `attendance_summary` VALUES (1,1,1,2,1,50.00),(2,1,2,2,1,50.00);
INSERT INTO `qr_tokens_log` VALUES (1,1,'t1');
INSERT INTO `admins` VALUES (1,'root','root@north.example','{hash}','Root','Admin','super_admin',1,NULL,NULL,NULL);
"""


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    encoded = bcrypt.hashpw(b"alice's old password", bcrypt.gensalt(4)).decode()
    return text_file(
        tmp_path / "intelliattend_db.sql", SCHEMA + SAMPLE.format(hash=encoded, broken=BROKEN_HASH)
    )


def test_all_twelve_tables_are_accounted_for(cast: Cast, dump: Path) -> None:
    report = move(cast, "int", dump)
    assert_reconciled(report)
    assert counts(report, "faculty") == (3, 3, 0, 0, 0, 0)
    assert counts(report, "students") == (5, 5, 0, 0, 0, 0)
    assert counts(report, "classrooms") == (4, 3, 1, 0, 0, 0)  # one is here
    assert counts(report, "classes") == (4, 4, 0, 0, 0, 0)
    assert counts(report, "student_class_enrollments") == (8, 8, 0, 0, 0, 0)
    assert counts(report, "admins") == (1, 1, 0, 0, 0, 0)
    assert counts(report, "attendance_sessions") == (4, 3, 0, 0, 0, 1)
    assert counts(report, "attendance_records") == (7, 4, 0, 0, 0, 3)
    assert reasons(report, "attendance_records") == {
        "Names no session that was brought.": 1,
        "Names no student who was brought.": 1,
        "Not between 0 and 1.": 1,
    }
    for name in ("otp_logs", "qr_tokens_log", "student_devices", "attendance_summary"):
        found = table(report, name)
        assert found.read == found.left_out.total() > 0
    assert len(report.tables) == 12


def test_people_study_and_rooms_arrive(cast: Cast, dump: Path) -> None:
    report = move(cast, "int", dump)
    with campus_scope(cast.campus):
        sara, left = Faculty.objects.filter(code__in=["FAC002", "FAC003"]).order_by("code")
        assert (sara.last_name, sara.phone, sara.is_active) == ("O'Neill", "", True)
        assert not left.is_active
        zoe = Student.objects.get(code="STU003")
        assert (zoe.full_name, zoe.year_of_study) == ("Zoë 你好 😀", 3)
        assert not Student.objects.get(code="STU005").is_active
        room = Classroom.objects.get(building__name="Main", room_number="101", geofence_radius=50)
        assert room.latitude == Decimal("52.51627300")
        course = Course.objects.get(code="CS101", term__name="Fall")
        assert (course.subject.credits, course.classroom_id) == (4, room.pk)
        spring = Term.objects.get(name="Spring", academic_year="2024-2025")
        assert (spring.starts_on, spring.ends_on) == (date(2024, 7, 1), date(2025, 6, 30))
        states = Enrollment.objects.filter(student=zoe).values_list("status", "ended_on")
        assert list(states) == [("dropped", date(2026, 8, 20))]
        assert Enrollment.objects.get(student__code="STU005").final_grade == "A+"
        assert Membership.objects.get(user__email="root@north.example").role == "admin"
        assert not Device.objects.filter(student__code="STU001").exists()
    assert not User.objects.get(email="root@north.example").is_superuser
    assert any("country code" in note for note in table(report, "faculty").notes)


def test_the_week_is_planned_only_for_terms_that_go_on(cast: Cast, dump: Path) -> None:
    with campus_scope(cast.campus):
        Term.objects.filter(pk=cast.course.term_id).update(name="Fall")
    move(cast, "int", dump)
    with campus_scope(cast.campus):
        slots = WeeklySlot.objects.filter(course__code__in=["CS101", "MA101", "CS102", "PH101"])
        assert sorted(f"{s.course.code} {s.weekday} {s.starts_at:%H:%M}" for s in slots) == [
            "CS101 1 09:00",
            "CS102 1 11:00",
            "MA101 2 09:00",
        ]


def test_registers_keep_scores_factors_and_times(cast: Cast, dump: Path) -> None:
    report = move(cast, "int", dump)
    with campus_scope(cast.campus):
        held = ClassSession.objects.filter(course__code="CS101").order_by("starts_at")
        assert [(s.status, s.starts_at, s.ends_at) for s in held] == [
            (
                "completed",
                datetime(2026, 8, 10, 7, 0, tzinfo=UTC),
                datetime(2026, 8, 10, 8, 30, tzinfo=UTC),
            ),
            (
                "completed",
                datetime(2026, 8, 17, 7, 0, tzinfo=UTC),
                datetime(2026, 8, 17, 8, 0, tzinfo=UTC),
            ),
        ]
        assert ClassSession.objects.get(course__code="MA101").status == "cancelled"
        mark = AttendanceRecord.objects.get(session=held[0], student__code="STU001")
        assert (mark.status, mark.verification_score, mark.notes) == (
            "present",
            Decimal("0.80"),
            "on time",
        )
        assert (mark.biometric_verified, mark.location_verified, mark.bluetooth_verified) == (
            True,
            True,
            False,
        )
        summary = AttendanceSummary.objects.get(student__code="STU002", course__code="CS101")
        assert (summary.attended_sessions, summary.late_sessions, summary.total_sessions) == (
            2,
            1,
            2,
        )
    old = next(c for c in report.comparisons if c.name.startswith("Old summaries"))
    assert [(p.name, p.before, p.after) for p in old.differing] == [("CS101 STU002", "1/2", "2/2")]
    assert "late" in old.differing[0].reason or "not the sum" in old.differing[0].reason


@real_hashers
def test_whole_hashes_are_taken_and_cut_ones_ask_for_a_link(cast: Cast, dump: Path) -> None:
    Campus.objects.filter(pk=cast.campus.pk).update(verified_domains=["north.example"])
    report = move(cast, "int", dump)
    found = dict(User.objects.values_list("email", "password"))
    assert check_password("alice's old password", found["s1@north.example"])
    assert check_password("alice's old password", found["root@north.example"])
    assert found["s2@north.example"].startswith("!")
    assert any(note.startswith("Passwords: 3 taken over, 6 of no") for note in report.notes)


@real_hashers
def test_a_hash_in_a_dump_opens_nobodys_account_elsewhere(
    cast: Cast, other_cast: Cast, dump: Path
) -> None:
    """Whoever holds the old database could put a hash of their own choice into it."""
    with campus_scope(cast.campus):
        AllowedAddress.objects.create(email="shared@elsewhere.example")
    with campus_scope(other_cast.campus):
        shared = make_user("shared@elsewhere.example", "admin")
    dump.write_text(dump.read_text().replace("s1@north.example", "shared@elsewhere.example"))
    before = User.objects.get(pk=shared.pk).password
    move(cast, "int", dump)
    assert User.objects.get(pk=shared.pk).password == before
    assert not check_password("alice's old password", before)


@real_hashers
def test_a_hash_in_a_dump_opens_no_account_that_another_campus_invites_later(
    cast: Cast, other_cast: Cast, dump: Path
) -> None:
    """Who signs in with an account accepts its invitations: an address that the campus only claims
    must not get a password by the campus's old database."""
    with campus_scope(cast.campus):
        AllowedAddress.objects.create(email="coming@south.example")
    dump.write_text(dump.read_text().replace("s1@north.example", "coming@south.example"))
    report = move(cast, "int", dump)
    assert_reconciled(report)
    found = dict(User.objects.values_list("email", "password"))
    assert found["coming@south.example"].startswith("!")
    assert found["root@north.example"].startswith("!")
    assert any("passwords left: their addresses" in note for note in report.notes)


def test_the_same_dump_again_changes_nothing(cast: Cast, dump: Path) -> None:
    move(cast, "int", dump)
    again = move(cast, "int", dump)
    assert_reconciled(again)
    assert {t.name: (t.new, t.changed) for t in again.tables if t.new + t.changed} == {}
    with campus_scope(cast.campus):
        assert not Student.objects.get(code="STU005").is_active


def test_a_wrong_school_year_and_an_unknown_lecturer_are_left_out(cast: Cast, dump: Path) -> None:
    rows = (
        "INSERT INTO `classes` VALUES (5,'X1','A',1,NULL,'Fall','2024-2026',3,60,NULL,NULL,NULL,1,NULL,NULL),"
        "(6,'X2','B',77,NULL,'Fall','2026-2027',3,60,NULL,NULL,NULL,1,NULL,NULL);"
    )
    dump.write_text(dump.read_text() + rows)
    report = move(cast, "int", dump)
    assert_reconciled(report)
    assert reasons(report, "classes") == {
        "Two years that follow each other, like 2026-2027.": 1,
        "Names no faculty member who was brought.": 1,
    }
