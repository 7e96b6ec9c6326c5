"""INT, IntelliAttend: a dump of its MySQL database of twelve tables."""

from typing import Final

from django.utils.translation import gettext as _

from apps.legacy.systems.int.people import admins_move, faculty_move, students_move
from apps.legacy.systems.int.register import records_move, sessions_move, summary_compare
from apps.legacy.systems.int.school import IntSchool
from apps.legacy.systems.int.study import classes_move, classrooms_move, enrollments_move
from apps.legacy.writing.people import invitations_note, passwords_adopt, people_close
from apps.legacy.writing.run import Run

TABLES: Final = (
    *("faculty", "students", "classrooms", "classes", "student_class_enrollments"),
    *("attendance_sessions", "attendance_records", "attendance_summary", "admins"),
    *("otp_logs", "qr_tokens_log", "student_devices"),
)
TELLS: Final = ("student_class_enrollments", "classrooms")


def move(run: Run) -> None:
    school = IntSchool(run)
    classrooms_move(school)
    faculty_move(school)
    students_move(school)
    classes_move(school)
    enrollments_move(school)
    sessions_move(school)
    records_move(school)
    summary_compare(school)
    admins_move(school)
    run.leave_table("otp_logs", _("One-time codes that have been used or have expired."))
    run.leave_table("qr_tokens_log", _("Codes that have expired."))
    reason = _("A device without a key of its own: students bind theirs at the first check-in.")
    run.leave_table("student_devices", reason)
    passwords_adopt(run, school.logins)
    invitations_note(run)
    people_close(run, school.to_close)
