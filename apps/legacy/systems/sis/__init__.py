"""SIS, the student information system: its JSON backup or its database (SQLite or a dump).

It knew people by name, classes by two texts, and attendance by day: who was there had a row.
"""

from typing import Final

from apps.legacy.systems.sis.people import (
    marks_move,
    students_move,
    teachers_move,
    usernames_read,
    users_move,
)
from apps.legacy.systems.sis.photos import photos_move
from apps.legacy.systems.sis.register import attendance_move
from apps.legacy.systems.sis.school import SisSchool
from apps.legacy.writing.people import invitations_note, passwords_adopt
from apps.legacy.writing.run import Run

TABLES: Final = (
    *("user", "users", "student", "students", "teacher", "teachers"),
    *("attendance", "attendances", "mark", "marks"),
)
TELLS: Final = ("student", "students")


def move(run: Run) -> None:
    school = SisSchool(run)
    usernames_read(school)
    students_move(school)
    teachers_move(school)
    users_move(school)
    marks_move(school)
    attendance_move(school)
    passwords_adopt(run, school.logins)
    invitations_note(run)
    photos_move(school)
