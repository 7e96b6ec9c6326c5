"""Faculty, students and administrators, each with a password of its own kind of sign-in."""

from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from apps.accounts.models import Faculty, Person, Role, Student
from apps.legacy.systems.int.school import IntSchool, is_closed
from apps.legacy.values import text, words
from apps.legacy.writing.people import people_move, phone_of, role_give
from apps.legacy.writing.run import Record
from apps.old_databases import OldRow
from apps.reconciliation.report import TableReport
from apps.tabular_files.fields import Wrong

STAMPS: Final = dict.fromkeys(
    ("created_at", "updated_at", "last_login"), gettext_noop("the time of the move counts")
)
PERSON: Final = ("first_name", "last_name", "email", "password_hash", "is_active")
# The old levels; nobody becomes an administrator of the platform by a dump.
ROLES: Final = {
    "super_admin": Role.ADMIN,
    "admin": Role.ADMIN,
    "operator": Role.OPERATOR,
}


def _person(table: TableReport, row: OldRow, code: str) -> Record:
    return {
        "code": text(row.get(code)),
        "first_name": words(row.get("first_name"), 200),
        "last_name": words(row.get("last_name"), 200),
        "email": text(row.get("email")),
        "phone": phone_of(row.get("phone_number"), table),
    }


def faculty_move(school: IntSchool) -> None:
    used = {"faculty_id", "faculty_code", "phone_number", "department", *PERSON}
    table = school.run.table("faculty", used=used, left=STAMPS)

    def record(row: OldRow) -> Record:
        is_closed(row)
        person = _person(table, row, "faculty_code")
        return {**person, "department": words(row.get("department"), 200)}

    school.faculty = _moved(school, table, Faculty, school.run.read(table, record), "faculty_id")


def students_move(school: IntSchool) -> None:
    used = {"student_id", "student_code", "phone_number", "year_of_study", "program", *PERSON}
    table = school.run.table("students", used=used, left=STAMPS)

    def record(row: OldRow) -> Record:
        is_closed(row)
        return {
            **_person(table, row, "student_code"),
            "year": text(row.get("year_of_study")),
            "program": words(row.get("program"), 200),
        }

    school.students = _moved(school, table, Student, school.run.read(table, record), "student_id")


def _moved(
    school: IntSchool,
    table: TableReport,
    kind: type[Person],
    rows: list[tuple[int, OldRow, Record]],
    key: str,
) -> dict[str, Any]:
    """Save the people, with their passwords; the old id → the person."""
    people, closing = people_move(school.run, table, kind, rows, is_closed=is_closed)
    school.to_close += closing
    taken = [(number, row, found) for number, row, found in rows if number in people]
    for _number, row, found in taken:
        school.logins.keep(found["email"], text(row.get("password_hash")))
    return {text(row.get(key)): people[number] for number, row, _found in taken}


def admins_move(school: IntSchool) -> None:
    used = {"admin_id", "username", "role", *PERSON}
    table = school.run.table("admins", used=used, left=STAMPS)
    for number, row in school.run.old.rows("admins"):
        try:
            _admin(school, table, number, row)
        except Wrong as wrong:
            table.leave_out(number, str(wrong))


def _admin(school: IntSchool, table: TableReport, number: int, row: OldRow) -> None:
    email, level = text(row.get("email")), text(row.get("role")).lower()
    if is_closed(row):
        table.leave_out(number, _("Was deactivated."), value=email)
        return
    if level not in ROLES:
        table.leave_out(number, _("There is no such level."), value=level)
        return
    name = words(f"{text(row.get('first_name'))} {text(row.get('last_name'))}", 200)
    came = role_give(school.run, school.logins, email=email, name=name, role=ROLES[level].value)
    if came not in ("new", "unchanged"):
        table.leave_out(number, came, value=email)
        return
    setattr(table, came, getattr(table, came) + 1)
    school.logins.keep(email, text(row.get("password_hash")))
