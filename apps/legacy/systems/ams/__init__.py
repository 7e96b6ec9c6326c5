"""AMS, the attendance server: a dump of its PostgreSQL database (plain or custom)."""

from typing import Final

from django.utils.translation import gettext as _

from apps.legacy.systems.ams.people import faculty_move, representatives_move, students_move
from apps.legacy.systems.ams.register import records_move, sessions_move
from apps.legacy.systems.ams.school import AmsSchool
from apps.legacy.systems.ams.study import assignments_move, subjects_move, week_move
from apps.legacy.writing.run import Run

TABLES: Final = (
    *("student", "faculty", "subject", "faculty_assignment", "schedule", "attendance_record"),
    *("default_schedule", "cr", "fcm_tokens", "notification_logs", "alembic_version"),
)
TELLS: Final = ("faculty_assignment", "default_schedule")


def move(run: Run) -> None:
    school = AmsSchool(run)
    students_move(school)
    representatives_move(school)
    faculty_move(school)
    subjects_move(school)
    assignments_move(school)
    sessions_move(school)
    records_move(school)
    week_move(school)
    run.leave_table(
        "fcm_tokens", _("Tokens of the old app: phones register when somebody signs in.")
    )
    run.leave_table("notification_logs", _("Messages that the old system sent."))
    run.leave_table("alembic_version", _("The version of the old tables."))
    school.say_venues()
    if run.invited:
        run.report.notes.append(_("%d people are invited.") % len(run.invited))
