"""Every table of the database says whose its rows are, and what becomes of them."""

from typing import Any

import pytest
from django.db import connection, models

from apps.privacy.registry import impersonal_tables, person_rows

pytestmark = pytest.mark.django_db

# What is written by choice, number, switch or date names nobody by itself.
WORDS = (
    models.CharField,
    models.TextField,
    models.JSONField,
    models.GenericIPAddressField,
    models.BinaryField,
    models.UUIDField,
)
# Columns of words that stay in rows which stay: kinds, keys of this platform, and what others read.
STAY = {
    "accounts_device": {"kind"},
    "accounts_invitation": {"role", "status"},
    "announcements_announcement": {"title", "message", "nonce"},
    "attendance_attendancerecord": {"status", "source", "attempt_id"},
    "checkin_checkinattempt": {
        *("id", "nonce", "method", "outcome", "reason", "face_state", "decided_by"),
    },
    "leave_appeal": {"nonce", "decided_by_id", "decided_by", "against", "wanted", "status"},
    "leave_leaverequest": {"nonce", "decided_by_id", "decided_by", "status"},
    "attendance_recordchange": {
        *("before", "before_label", "before_source", "after", "after_label"),
        *("actor_id", "actor_label"),
    },
    "qr_otp_scan": {"id", "purpose", "subject", "scanner", "method", "reason"},
}
OWN = {"accounts_student", "accounts_faculty", "accounts_user"}


def tables() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace "
            "AND relkind IN ('r', 'p')"
        )
        return {name for (name,) in cursor.fetchall()}


def test_every_table_is_registered() -> None:
    known = {rows.model._meta.db_table for rows in person_rows()} | impersonal_tables().keys()
    assert tables() - known == set()
    assert known - tables() == set()


def test_no_table_is_a_persons_and_nobodys() -> None:
    personal = {rows.model._meta.db_table for rows in person_rows()}
    assert personal & impersonal_tables().keys() == set()


def test_whatever_stays_of_a_row_says_why() -> None:
    assert [rows.name for rows in person_rows() if not rows.deleted and not rows.because] == []
    assert [name for name, because in impersonal_tables().items() if not because] == []


def test_registered_columns_exist() -> None:
    for rows in person_rows():
        fields = {field.attname for field in rows.model._meta.concrete_fields}
        assert set(rows.withheld) | set(rows.blanked) <= fields, rows.name


@pytest.mark.parametrize("name", sorted({*STAY, *OWN}))
def test_words_of_a_row_that_stays_are_blanked_or_reviewed(name: str) -> None:
    """A new column of words is blanked, or somebody adds it to `STAY`."""
    [rows] = [rows for rows in person_rows() if rows.name == name]
    fields: list[Any] = [
        field
        for field in rows.model._meta.concrete_fields
        if isinstance(field, WORDS) and not isinstance(field, models.GeneratedField)
    ]
    words = {field.attname for field in fields}
    assert words - set(rows.blanked) - STAY.get(name, set()) == set()


def test_every_row_that_stays_is_reviewed() -> None:
    stays = {rows.name for rows in person_rows() if not rows.deleted and not rows.part}
    # Numbers, dates and choices only, the structure of courses, or texts that are searched for
    # every value of the person.
    simple = {
        *("attendance_attendancesummary", "attendance_bulkchange", "audit_entry"),
        "class_photos_classphoto",
        *("class_sessions_classsession", "enrollments_course", "enrollments_enrollment"),
        *("enrollments_enrollmentperiod", "enrollments_grade", "enrollments_placement"),
        "imports_importanswer",
        *("imports_importrun", "jobs_job", "notifications_message", "privacy_consent"),
        "legacy_legacymove",
        "oneroster_onerosterrun",
        *("privacy_erasurerequest", "timetable_generatedsession"),
        *("timetable_feeds_feedmeeting", "timetable_feeds_feedrun"),
    }
    assert stays == {*STAY, *OWN} | simple
