"""Subjects, assignments (courses here, one for each school year) and the default week."""

from collections import defaultdict
from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from apps.enrollments.models import Course
from apps.import_types.registry import IMPORT_TYPES
from apps.legacy.systems.ams.school import AmsSchool
from apps.legacy.values import clock, code, day, text, words
from apps.legacy.writing.run import Numbered, Record
from apps.legacy.writing.study import terms_for, year_of
from apps.old_databases import OldRow
from apps.reconciliation.report import TableReport
from apps.tabular_files.fields import Wrong


def subjects_move(school: AmsSchool) -> None:
    used = {"subject_code", "subject_mnemonic", "subject_name", "subject_type"}
    table = school.run.table("subject", used=used)

    def record(row: OldRow) -> Record:
        return {
            "code": text(row.get("subject_code")),
            "mnemonic": words(row.get("subject_mnemonic"), 200),
            "name": words(row.get("subject_name"), 300),
            "kind": text(row.get("subject_type")),
        }

    rows = school.run.read(table, record)
    school.run.hand_on(table, IMPORT_TYPES["subjects"], [(n, found) for n, _row, found in rows])


def assignments_move(school: AmsSchool) -> None:
    """Who teaches what to which section: a course of each school year in which it was held, and of
    this one where it was in none."""
    run = school.run
    used = {"id", "faculty_id", "subject_code", "year", "department", "section"}
    table = run.table("faculty_assignment", used=used)
    years, days = _years(school)
    school.terms = terms_for(run, days, goes_on=True)

    def record(row: OldRow) -> Record:
        return {
            "faculty": text(row.get("faculty_id")),
            "subject": text(row.get("subject_code")),
            "department": code(row.get("department"), 50),
            "year": text(row.get("year")),
            "section": words(row.get("section"), 20),
        }

    rows = run.read(table, record)
    latest: dict[str, list[Numbered]] = defaultdict(list)
    earlier: dict[str, list[Numbered]] = defaultdict(list)
    for number, row, found in rows:
        held = sorted(years.get(text(row.get("id"))) or [school.this_year])
        latest[held[-1]].append((number, found))
        for year in held[:-1]:
            earlier[year].append((number, found))
    for beside, by_year in ((False, latest), (True, earlier)):
        for year, records in sorted(by_year.items()):
            _hand_on(school, table, year, records, beside=beside)
    _find_courses(school, rows, years)


def _hand_on(
    school: AmsSchool, table: TableReport, year: str, records: list[Numbered], *, beside: bool
) -> None:
    term = school.terms[year].pk
    school.run.hand_on(table, IMPORT_TYPES["assignments"], records, beside=beside, term=term)


def _years(school: AmsSchool) -> tuple[dict[str, set[str]], list[date]]:
    """Assignment → school years of its sessions; and all their days."""
    years: dict[str, set[str]] = defaultdict(set)
    days: set[date] = set()
    for _number, row in school.run.old.rows("schedule"):
        try:
            held = day(row.get("date"))
            years[text(row.get("assignment_id"))].add(year_of(held))
        except Wrong:
            continue  # reported with its session
        days.add(held)
    return years, sorted(days)


def _find_courses(
    school: AmsSchool, rows: list[tuple[int, OldRow, Record]], years: dict[str, set[str]]
) -> None:
    """The courses that the assignments became, found as the import types find them."""
    found = Course.objects.filter(term__in=[t.pk for t in school.terms.values()]).select_related(
        "subject", "faculty", "section__department"
    )
    courses = {_key(course): course for course in found}
    for _number, row, record in rows:
        old = text(row.get("id"))
        for year in years.get(old) or [school.this_year]:
            key = (
                school.terms[year].pk,
                record["subject"].lower(),
                record["faculty"].lower(),
                record["department"].lower(),
                record["year"].lower().removeprefix("e"),
                record["section"].lower(),
            )
            if course := courses.get(key):
                school.courses[old, year] = course


def _key(course: Course) -> tuple[Any, ...]:
    section = course.section
    return (
        course.term_id,
        course.subject.code.lower(),
        course.faculty.code.lower(),
        section.department.code.lower() if section else "",
        str(section.year) if section else "",
        section.name.lower() if section else "",
    )


def week_move(school: AmsSchool) -> None:
    """The default schedule becomes the week of this school year's courses."""
    used = {"id", "assignment_id", "day_of_week", "start_time", "end_time", "venue"}
    table = school.run.table("default_schedule", used=used)

    def record(row: OldRow) -> Record:
        course = school.courses.get((text(row.get("assignment_id")), school.this_year))
        if course is None:
            raise Wrong(_("Its assignment is none of this school year."))
        venue = words(row.get("venue"), 121)
        return {
            "weekday": text(row.get("day_of_week")),
            "course": course.code,
            "starts_at": f"{clock(row.get('start_time')):%H:%M}",
            "ends_at": f"{clock(row.get('end_time')):%H:%M}",
            "venue": venue if school.room(venue) else "",
        }

    records = [(n, found) for n, _row, found in school.run.read(table, record)]
    term = school.terms[school.this_year].pk
    school.run.hand_on(table, IMPORT_TYPES["schedules"], records, term=term)
