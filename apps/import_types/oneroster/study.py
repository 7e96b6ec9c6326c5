"""Subjects, classes and enrolments of a bundle."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from django.db.models.functions import Lower
from django.utils.translation import gettext as _

from apps.enrollments.models import Enrollment
from apps.enrollments.services import SectionSync
from apps.import_types.courses import ASSIGNMENTS, SUBJECTS
from apps.import_types.enrollments import ENROLLMENTS
from apps.import_types.oneroster.bundle import (
    GONE,
    KNOWN,
    Bundle,
    Record,
    cell,
    hand_on,
    id_of,
    status_of,
)
from apps.import_types.oneroster.names import Names
from apps.import_types.oneroster.people import is_off
from apps.import_types.oneroster.vacancies import vacancies_close, vacancy_for
from apps.import_types.sections import kept_notes
from apps.tabular_files.dates import day
from apps.tabular_files.fields import Wrong
from apps.tabular_files.tables import ParsedRow
from apps.tenants.selectors import campus_day

NAMED: Final = 20  # classes without a teacher; the rest is counted
ByTerm = dict[str, list[tuple[ParsedRow, Record]]]
Place = tuple[str, str, str]  # term, class and student, by what they are called


def subjects_save(bundle: Bundle, names: Names) -> None:
    records = []
    for row in bundle.told("courses"):
        code = names.subjects[id_of(row)]
        records.append((row, {"code": code, "name": cell(row, "title") or code}))
    hand_on(bundle, SUBJECTS, records)


def courses_save(bundle: Bundle, names: Names) -> None:
    """Classes, each with its (primary) teacher or a vacancy, in every term that it is held in."""
    subjects, teachers = bundle.by_id("courses"), _teachers(bundle)
    by_term: ByTerm = defaultdict(list)
    vacant = []
    for row in bundle.told("classes"):
        subject = cell(row, "courseSourcedId")
        code, terms = names.classes[id_of(row)], names.terms[id_of(row)]
        if subject not in subjects:
            bundle.wrong(row, _("Its course is not in courses.csv."), "courseSourcedId")
        elif not terms:
            bundle.wrong(row, _("Its term is not in academicSessions.csv."), "termSourcedIds")
        else:
            teacher = names.people["faculty"].get(teachers.get(id_of(row), ""), "")
            vacant += [] if teacher else [code]
            number = teacher or vacancy_for(bundle.batch, code)
            record = {"course": code, "subject": names.subjects[subject], "faculty": number}
            for term in terms:
                by_term[term].append((row, record))
    for term, records in by_term.items():
        hand_on(bundle, ASSIGNMENTS, records, term=bundle.terms[term].pk)
    vacancies_close(bundle.batch)
    if vacant:
        shown = ", ".join(vacant[:NAMED])
        if len(vacant) > NAMED:
            shown += " " + _("… and %(number)d more") % {"number": len(vacant) - NAMED}
        bundle.result.notes.append(_("Without a teacher: %(classes)s.") % {"classes": shown})


def _teachers(bundle: Bundle) -> dict[str, str]:
    """Class id → user id of its teacher; the primary one where there are several."""
    users = bundle.by_id("users")
    found: dict[str, str] = {}
    for row in bundle.files["enrollments"]:
        class_id, user_id = cell(row, "classSourcedId"), cell(row, "userSourcedId")
        if cell(row, "role").casefold() != "teacher" or user_id not in users:
            continue
        if cell(row, "primary").casefold() == "true":
            found[class_id] = user_id
        else:
            found.setdefault(class_id, user_id)
    return found


@dataclass(frozen=True, kw_only=True)
class _Stay:
    """One row of enrollments.csv: from `begins` to the day before `ends`."""

    row: ParsedRow
    begins: date | None
    ends: date | None
    is_gone: bool

    def is_over(self, today: date) -> bool:
        return self.is_gone or (self.ends is not None and self.ends <= today)


def enrollments_save(bundle: Bundle, names: Names) -> None:
    """Of somebody's stays in a class the last one counts; earlier ones are the history of a new
    enrolment. `endDate` is the first day without, as we tell it others (`roster_rows`)."""
    today = campus_day(now=bundle.batch.now)
    before = _enrolled(bundle)
    turns: dict[int, ByTerm] = defaultdict(lambda: defaultdict(list))
    for (class_id, user_id), stays in _stays(bundle, names).items():
        code, student = names.classes[class_id], names.people["student"][user_id]
        for term in names.terms[class_id]:
            is_here = (term, code.casefold(), student.casefold()) in before
            for turn, stay in enumerate(_told(stays, today=today, is_here=is_here)):
                record = _record(stay, student, code, today=today)
                turns[turn][term].append((stay.row, record))
    for _turn, by_term in sorted(turns.items()):
        for term, records in by_term.items():
            records.sort(key=lambda pair: pair[0].number)
            hand_on(bundle, ENROLLMENTS, records, term=bundle.terms[term].pk)


def _enrolled(bundle: Bundle) -> set[Place]:
    """Whoever has or had a place in a course of these terms."""
    terms = {term.pk: key for key, term in bundle.terms.items()}
    rows = Enrollment.objects.filter(course__term__in=terms).order_by()
    found = rows.values_list("course__term_id", Lower("course__code"), Lower("student__code"))
    return {(terms[term], code, student) for term, code, student in found}


def _stays(bundle: Bundle, names: Names) -> dict[tuple[str, str], list[_Stay]]:
    """Class and user → their rows, the earliest first. Who may not sign in there is in none."""
    found: dict[tuple[str, str], list[_Stay]] = defaultdict(list)
    for rows, users, classes in (
        (bundle.told("enrollments"), bundle.by_id("users"), bundle.by_id("classes")),
        (bundle.gone["enrollments"], bundle.ever("users"), bundle.ever("classes")),
    ):
        for row in rows:
            class_id, user_id = cell(row, "classSourcedId"), cell(row, "userSourcedId")
            if cell(row, "role").casefold() != "student":
                continue
            if class_id not in classes or user_id not in users:
                bundle.wrong(row, _("Its class or its user is not in the bundle."))
            elif (stay := _stay(bundle, row)) and (stay.is_gone or not is_off(users[user_id])):
                found[class_id, user_id].append(stay)
    for stays in found.values():
        stays.sort(key=lambda stay: (stay.begins or date.min, stay.row.number))
    return found


def _stay(bundle: Bundle, row: ParsedRow) -> _Stay | None:
    days: dict[str, date | None] = {}
    for name in ("beginDate", "endDate"):
        try:
            days[name] = day(cell(row, name)) if cell(row, name) else None
        except Wrong as error:
            bundle.wrong(row, str(error), name)
            return None
    return _Stay(
        row=row,
        begins=days["beginDate"],
        ends=days["endDate"],
        is_gone=status_of(row) == GONE,
    )


def _told(stays: Sequence[_Stay], *, today: date, is_here: bool) -> list[_Stay]:
    """What is to be said of them, in this order. Rows that were deleted say nothing beside others,
    and of somebody who never was here nothing at all."""
    standing = [stay for stay in stays if not stay.is_gone]
    if not standing:
        return list(stays[-1:]) if is_here else []
    last = next((stay for stay in standing if not stay.is_over(today)), standing[-1])
    dated = [
        stay
        for stay in standing
        if stay is not last and stay.begins and stay.ends and _comes_before(stay, last)
    ]
    return [*([] if is_here else dated), last]


def _comes_before(stay: _Stay, last: _Stay) -> bool:
    return bool(stay.ends and last.begins and stay.ends <= last.begins)


def _record(stay: _Stay, student: str, code: str, *, today: date) -> Record:
    record = {"student": student, "course": code, "status": "enrolled"}
    if stay.begins is not None and not stay.is_gone:
        record["enrolled_on"] = stay.begins.isoformat()
    if stay.is_over(today):
        record["status"] = "dropped"
        if stay.ends is not None and stay.ends <= today:
            record["ended_on"] = stay.ends.isoformat()
    return record


def kept_by_hand(bundle: Bundle, names: Names) -> None:
    """Say which students are out of a class here by hand, though the bundle still has them in."""
    known: set[Place] = set()
    for row in bundle.files["enrollments"]:
        class_id, user_id = cell(row, "classSourcedId"), cell(row, "userSourcedId")
        is_student = cell(row, "role").casefold() == "student"
        if is_student and status_of(row) == KNOWN and class_id in names.classes:
            student = names.people["student"].get(user_id, "").casefold()
            code = names.classes[class_id].casefold()
            known |= {(term, code, student) for term in names.terms[class_id]}
    if not known:
        return
    terms = {term.pk: key for key, term in bundle.terms.items()}
    out = Enrollment.objects.filter(course__term__in=terms, status=Enrollment.Status.DROPPED)
    rows = out.values_list("course__term_id", "course__code", "student__code").order_by()
    kept = [
        (student, code, "dropped")
        for term, code, student in rows
        if (terms[term], code.casefold(), student.casefold()) in known
    ]
    bundle.result.notes += kept_notes(SectionSync(kept=sorted(kept)))
