"""Students, class representatives and faculty, known by their numbers."""

from django.utils.translation import gettext as _

from apps.accounts.models import Faculty, Student
from apps.legacy.systems.ams.school import AmsSchool
from apps.legacy.values import code, text, words
from apps.legacy.writing.people import people_move, phone_of
from apps.legacy.writing.run import Record
from apps.old_databases import OldRow
from apps.tabular_files.fields import Wrong


def students_move(school: AmsSchool) -> None:
    run = school.run
    bound = _("a device id that anybody could send: students bind theirs at the first check-in")
    used = {"id", "name", "email", "year", "department", "section"}
    table = run.table("student", used=used, left={"binding_id": bound})
    mobiles = {}
    for _number, row in run.old.rows("cr"):
        try:
            mobiles[text(row.get("student_id")).lower()] = phone_of(row.get("mobile"), table)
        except Wrong:
            continue  # reported with its table

    def record(row: OldRow) -> Record:
        number = text(row.get("id"))
        found = {
            "code": number,
            "first_name": words(row.get("name"), 200),
            "email": text(row.get("email")),
            "department": code(row.get("department"), 50),
            "year": text(row.get("year")),
            "section": words(row.get("section"), 20),
        }
        if number.lower() in mobiles:
            found |= {
                "is_representative": "yes",
                "representative_mobile": mobiles[number.lower()],
            }
        return found

    rows = run.read(table, record)
    people, _closed = people_move(run, table, Student, rows)
    for person in people.values():
        school.students[person.code.lower()] = person


def representatives_move(school: AmsSchool) -> None:
    """They are a part of their student here."""
    table = school.run.table("cr", used={"student_id", "mobile"})
    for number, row in school.run.old.rows("cr"):
        try:
            known = text(row.get("student_id")).lower() in school.students
        except Wrong as wrong:
            table.leave_out(number, str(wrong))
            continue
        if known:
            table.merged += 1
        else:
            table.leave_out(number, _("Names no student who was brought."))


def faculty_move(school: AmsSchool) -> None:
    table = school.run.table("faculty", used={"id", "name", "email"})

    def record(row: OldRow) -> Record:
        return {
            "code": text(row.get("id")),
            "first_name": words(row.get("name"), 200),
            "email": text(row.get("email")),
        }

    rows = school.run.read(table, record)
    people, _closed = people_move(school.run, table, Faculty, rows)
    for person in people.values():
        school.faculty[person.code.lower()] = person
