"""Sessions, records with their factors and scores, and the old summaries, which are compared."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from apps.attendance.models import AttendanceSummary
from apps.legacy.systems.int.people import STAMPS
from apps.legacy.systems.int.school import IntSchool
from apps.legacy.values import clock, day, flag, fraction, moment, text, words
from apps.legacy.writing.history import OldMark, OldSession, Sums, Unmarked
from apps.old_databases import OldRow
from apps.reconciliation.report import Comparison, Pair, TableReport
from apps.tabular_files.fields import Wrong

HOUR: Final = timedelta(hours=1)  # of a session that nobody ended
STATUSES: Final = {"present", "late", "absent", "invalid"}
_SECRETS: Final = dict.fromkeys(
    ("qr_token", "qr_secret_key", "qr_expires_at", "otp_used"),
    gettext_noop("a code of a session that is over"),
)
_COUNTED: Final = dict.fromkeys(
    ("total_students_enrolled", "total_students_present", "attendance_percentage"),
    gettext_noop("counted anew from the records"),
)
_PLACES: Final = {
    **dict.fromkeys(
        ("gps_latitude", "gps_longitude"), gettext_noop("coordinates are kept for a day only")
    ),
    **dict.fromkeys(
        ("gps_accuracy", "bluetooth_rssi", "device_info"),
        gettext_noop("belongs to a check-in, not to its mark"),
    ),
}


def sessions_move(school: IntSchool) -> None:
    used = {
        *("session_id", "class_id", "faculty_id", "session_date", "start_time", "end_time"),
        "status",
    }
    left = {**_SECRETS, **_COUNTED, **STAMPS}
    table = school.run.table("attendance_sessions", used=used, left=left)
    school.history.sessions_write(table, _sessions(school, table))


def _sessions(school: IntSchool, table: TableReport) -> Iterator[tuple[int, OldSession]]:
    for number, row in school.run.old.rows(table.name):
        try:
            yield number, _session(school, table, row)
        except Wrong as wrong:
            table.leave_out(number, str(wrong))


def _session(school: IntSchool, table: TableReport, row: OldRow) -> OldSession:
    course = school.courses.get(text(row.get("class_id")))
    if course is None:
        raise Wrong(_("Names no class that was brought."))
    faculty = school.faculty.get(text(row.get("faculty_id")))
    starts = _moment(school, row, "start_time")
    ends = _moment(school, row, "end_time") if row.get("end_time") else starts + HOUR
    if ends <= starts:
        raise Wrong(_("Ends before it starts."))
    status = text(row.get("status")).lower()
    if status not in ("active", "completed", "cancelled", ""):
        raise Wrong(_("There is no such status."))
    note = _("Sessions that were still active are completed; without an end they last an hour.")
    if status in ("active", "") and note not in table.notes:
        table.notes.append(note)
    return OldSession(
        key=text(row.get("session_id")),
        course_id=course.pk,
        faculty_id=faculty.pk if faculty else course.faculty_id,
        classroom_id=course.classroom_id,
        starts_at=starts,
        ends_at=ends,
        status="cancelled" if status == "cancelled" else "completed",
    )


def _moment(school: IntSchool, row: OldRow, column: str) -> datetime:
    """A column of TIME beside the day, or of TIMESTAMP."""
    cell = text(row.get(column))
    if "-" in cell or "T" in cell:
        return moment(cell, school.run.zone)
    held = day(row.get("session_date"))
    return datetime.combine(held, clock(cell), tzinfo=school.run.zone)


def records_move(school: IntSchool) -> None:
    used = {
        *("record_id", "session_id", "student_id", "scan_timestamp", "biometric_verified"),
        *("location_verified", "bluetooth_verified", "verification_score", "status", "notes"),
    }
    table = school.run.table("attendance_records", used=used, left={**_PLACES, **STAMPS})
    history = school.history
    history.marks_write(table, history.read_marks(table, lambda row: _mark(school, row)))
    history.compare(_before(school), {p.pk: p.code for p in school.students.values()})


def _mark(school: IntSchool, row: OldRow) -> OldMark:
    student = school.students.get(text(row.get("student_id")))
    if student is None:
        raise Unmarked(_("Names no student who was brought."))
    status = text(row.get("status")).lower() or "present"
    attended = status in ("present", "late")
    session = text(row.get("session_id"))
    if session not in school.history.sessions:
        reason = _("Names no session that was brought.")
        raise Unmarked(reason, student_id=student.pk, attended=attended)
    try:
        if status not in STATUSES:
            raise Wrong(_("There is no such status."))
        score = fraction(row.get("verification_score"))
        return OldMark(
            session=session,
            student_id=student.pk,
            status=status,
            recorded_at=moment(row.get("scan_timestamp"), school.run.zone),
            score=None if score is None else round(score, 2),
            face=flag(row.get("biometric_verified")),
            place=flag(row.get("location_verified")),
            beacon=flag(row.get("bluetooth_verified")),
            notes=words(row.get("notes"), 2000),
        )
    except Wrong as wrong:
        raise Unmarked(str(wrong), student_id=student.pk, attended=attended) from wrong


def _before(school: IntSchool) -> dict[int, Sums]:
    if "attendance_records" not in school.run.old.tables:
        return {}
    found = school.run.old.query(
        "SELECT student_id, sum(lower(coalesce(status, 'present')) IN ('present', 'late')), "
        "count(*) FROM attendance_records GROUP BY student_id"
    )
    return {
        school.students[text(old)].pk: (attended, marks)
        for old, attended, marks in found
        if text(old) in school.students
    }


def summary_compare(school: IntSchool) -> None:
    """The old summaries beside ours. Theirs counted late as missed and knew no corrections."""
    if "attendance_summary" not in school.run.old.tables:
        return
    school.run.leave_table(
        "attendance_summary", _("Compared below, not copied: sums follow from the records.")
    )
    now = {(s.course_id, s.student_id): s for s in AttendanceSummary.objects.all()}
    recount = _recount(school)
    comparison = Comparison(_("Old summaries by class and student"))
    for _number, row in school.run.old.rows("attendance_summary"):
        course = school.courses.get(text(row.get("class_id")))
        student = school.students.get(text(row.get("student_id")))
        if course is not None and student is not None:
            key = (course.pk, student.pk)
            comparison.add(
                [_pair(f"{course.code} {student.code}", row, now.get(key), recount.get(key))]
            )
    school.run.report.comparisons.append(comparison)


def _recount(school: IntSchool) -> dict[tuple[int, int], Sums]:
    """(course, student) → the old records counted."""
    if not {"attendance_records", "attendance_sessions"} <= set(school.run.old.tables):
        return {}
    found = school.run.old.query(
        "SELECT s.class_id, r.student_id, "
        "sum(lower(coalesce(r.status, 'present')) IN ('present', 'late')), count(*) "
        "FROM attendance_records r JOIN attendance_sessions s ON s.session_id = r.session_id "
        "GROUP BY s.class_id, r.student_id"
    )
    return {
        (school.courses[text(c)].pk, school.students[text(s)].pk): (attended, marks)
        for c, s, attended, marks in found
        if text(c) in school.courses and text(s) in school.students
    }


def _pair(name: str, row: OldRow, now: Any, recount: Sums | None) -> Pair:
    before = _shown(text(row.get("attended_sessions")), text(row.get("total_sessions")))
    attended, total = (now.attended_sessions, now.total_sessions) if now else (0, 0)
    after = _shown(attended, total)
    if before == after:
        return Pair(name, before, after)
    if recount is not None and _shown(*recount) != before:
        reason = _("the old summary is not the sum of its own records, which are %s")
        return Pair(name, before, after, reason % _shown(*recount))
    return Pair(name, before, after, _("see attendance by student") if recount else "")


def _shown(attended: Any, total: Any) -> str:
    return f"{Decimal(attended or 0):.0f}/{Decimal(total or 0):.0f}"
