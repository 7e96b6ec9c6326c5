"""Students, teachers, users, and marks in subjects."""

from functools import partial
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from apps.accounts.models import Faculty, Role, Student
from apps.import_types.registry import IMPORT_TYPES
from apps.legacy.systems.sis.school import PHOTOS, YEAR, SisSchool, old_id, subject_code
from apps.legacy.values import code, day, text, words
from apps.legacy.writing.people import (
    people_move,
    role_give,
)
from apps.legacy.writing.run import Record
from apps.legacy.writing.study import (
    subjects_provide,
)
from apps.old_databases import OldRow
from apps.reconciliation.report import TableReport
from apps.tabular_files.fields import Wrong

DEFAULT_USERS: Final = ("teacher", "principal")  # made with passwords that the guide published
_VECTOR: Final = {
    "face_encoding": gettext_noop("vectors of a model that is not ours are never compared")
}


def usernames_read(school: SisSchool) -> None:
    for _number, row in school.run.old.rows(school.table("user")):
        try:
            student, username = text(row.get("student_id")), words(row.get("username"), 80)
            username = username or words(row.get("_key"), 80)
        except Wrong:
            continue  # reported with its table
        if student:
            school.usernames[student] = username


def _student_record(school: SisSchool, row: OldRow) -> Record:
    old = old_id(row)
    return {
        "code": f"SIS-{code(old, 40)}" if old else "",
        "first_name": words(row.get("name"), 200),
        "email": school.email(school.usernames.get(old, "")),
        "age": text(row.get("age")),
        "department": code(row.get("class_name") or row.get("class"), 50),
        "year": YEAR,
        "section": words(row.get("section"), 20),
    }


def students_move(school: SisSchool) -> None:
    run = school.run
    used = {"id", "_key", "name", "age", "class", "class_name", "section", "created_at"}
    left = {**PHOTOS, **_VECTOR, "updated_at": _("the time of the move counts")}
    table = run.table(school.table("student"), used=used, left=left)
    rows = run.read(table, partial(_student_record, school))
    people, _closed = people_move(run, table, Student, rows)
    for number, row, record in rows:
        if number not in people:
            continue
        person = people[number]
        school.students[old_id(row)] = person.pk
        school.codes[person.pk] = person.code
        if record["department"] and record["section"]:
            school.classes[person.pk] = (record["department"].upper(), record["section"].upper())
        if row.get("created_at"):
            school.came[person.pk] = day(row["created_at"])


def teachers_move(school: SisSchool) -> None:
    run = school.run
    table = run.table(school.table("teacher"), used={"id", "_key", "name", "subject"})

    def record(row: OldRow) -> Record:
        old = old_id(row)
        subject_code(school, words(row.get("subject"), 200))
        return {
            "code": f"SIS-T{code(old, 40)}" if old else "",
            "first_name": words(row.get("name"), 200),
        }

    rows = run.read(table, record)
    people_move(run, table, Faculty, rows)
    if table.read:
        table.notes.append(
            _("Their subjects are subjects now; which class they taught, the old system never knew")
        )


def users_move(school: SisSchool) -> None:
    """Students' users become their sign-in; principals get the role; teachers' users named no
    teacher."""
    run = school.run
    used = {"id", "_key", "username", "password_hash", "password", "role", "student_id", "name"}
    table = run.table(school.table("user"), used=used)
    for number, row in run.old.rows(table.name):
        try:
            _user(school, table, number, row)
        except Wrong as wrong:
            table.leave_out(number, str(wrong))


def _user(school: SisSchool, table: TableReport, number: int, row: OldRow) -> None:
    username = words(row.get("username"), 80) or words(row.get("_key"), 80)
    role, email = text(row.get("role")).lower(), school.email(username)
    student = school.students.get(text(row.get("student_id")))
    if role == Role.STUDENT and student is not None:
        table.merged += 1
    elif role == Role.STUDENT:
        table.leave_out(number, _("Names no student that was brought."), value=username)
        return
    elif role == Role.PRINCIPAL:
        came = role_give(school.run, school.logins, email=email, name=username, role=role)
        if came not in ("new", "unchanged"):
            table.leave_out(number, came, value=username)
            return
        setattr(table, came, getattr(table, came) + 1)
    else:
        reason = _("Users of role “%(role)s” name nobody: give these people a sign-in by hand.")
        table.leave_out(number, reason % {"role": role[:20]}, value=username)
        return
    if username.lower() in DEFAULT_USERS:
        table.notes.append(_("The password of “%s” is a published default: not taken.") % username)
    else:
        encoded = text(row.get("password_hash")) or text(row.get("password"))
        school.logins.keep(email, encoded)


def marks_move(school: SisSchool) -> None:
    """Marks in subjects are grades here."""
    run = school.run
    used = {"id", "_key", "student_id", "subject", "marks", "value", "grade", "date_added", "date"}
    table = run.table(school.table("mark"), used=used)

    def record(row: OldRow) -> Record:
        student = school.students.get(text(row.get("student_id")))
        if student is None:
            raise Wrong(_("Names no student that was brought."))
        name = words(row.get("subject"), 200) or words(row.get("_key"), 200)
        given = row.get("date_added") or row.get("date")
        return {
            "student": school.codes[student],
            "subject": subject_code(school, name),
            "points": text(row.get("marks")) or text(row.get("value")),
            "grade": text(row.get("grade")),
            "given_on": day(given).isoformat() if given else "",
        }

    rows = run.read(table, record)
    names = {found: key for key, found in school.subjects.items()}
    subjects_provide(run, [(found, names[found].title()) for found in sorted(names) if found])
    run.hand_on(table, IMPORT_TYPES["grades"], [(n, found) for n, _r, found in rows])
