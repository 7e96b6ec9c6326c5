"""PGF, attendance by facial recognition: its SQLite database, or a dump of its PostgreSQL one.

Its guide names the columns of students and records; those of classes and sessions are read under
the names that such tables usually have.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from apps.accounts.models import Student
from apps.biometrics.images import Photo
from apps.enrollments.models import Subject
from apps.legacy.values import clock, code, day, flag, fraction, moment, text, words
from apps.legacy.writing.faces import Faces, photo_file
from apps.legacy.writing.history import History, OldMark, OldSession, Sums, Unmarked
from apps.legacy.writing.people import invitations_note, people_close, people_move, phone_of
from apps.legacy.writing.run import Record, Run
from apps.legacy.writing.study import (
    CourseWanted,
    courses_provide,
    enroll_in,
    keeper_provide,
    subjects_provide,
    terms_for,
    year_of,
)
from apps.old_databases import OldRow, OldValue
from apps.tabular_files.fields import Wrong

TABLES: Final = ("students", "classes", "attendance_sessions", "attendance_records")
TELLS: Final = ("attendance_records",)
INVENTED: Final = "migrated_from_sqlite"  # its migration script wrote 0.9 where nothing was known
_VECTOR: Final = gettext_noop("vectors of a model that is not ours are never compared")
_VECTORS: Final = dict.fromkeys(
    ("face_encoding", "face_encoding_path", "face_encoding_metadata", "face_model_version"), _VECTOR
)
_CLASS: Final = ("name", "class_name", "title", "subject")
_STARTS: Final = ("start_time", "started_at", "session_start", "created_at")
_ENDS: Final = ("end_time", "ended_at", "session_end")
_DAYS: Final = ("date", "session_date")
_TOPIC: Final = ("topic", "session_name", "name", "title")
HOUR: Final = timedelta(hours=1)


@dataclass
class _School:
    """Old ids (as text) → what is here now."""

    run: Run
    students: dict[str, Any] = field(default_factory=dict)
    members: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))  # by class
    came: dict[int, date] = field(default_factory=dict)
    classes: dict[str, str] = field(default_factory=dict)  # id → name
    starts: dict[str, datetime] = field(default_factory=dict)  # of the sessions
    class_of: dict[str, str] = field(default_factory=dict)  # session → class
    to_close: list[Any] = field(default_factory=list)
    history: History = field(init=False)

    def __post_init__(self) -> None:
        self.history = History(self.run)


def move(run: Run) -> None:
    school = _School(run)
    _classes(school)
    _students(school)
    _sessions(school)
    _records(school)
    invitations_note(run)
    _photos(school)
    people_close(run, school.to_close)


def _first(row: OldRow, names: tuple[str, ...]) -> OldValue:
    return next((row[name] for name in names if row.get(name) not in (None, "")), None)


def _code(old: str) -> str:
    return code(f"PGF-{old}", 20)


def _classes(school: _School) -> None:
    """A class is a subject with a course in every school year in which it met."""
    run = school.run
    table = run.table("classes", used={"id", *_CLASS})
    found: dict[int, tuple[str, str]] = {}
    for number, row in run.old.rows("classes"):
        try:
            old = text(row.get("id"))
            if not old:
                raise Wrong(_("Has no id."))
            found[number] = (old, words(_first(row, _CLASS), 200) or _code(old))
        except Wrong as wrong:
            table.leave_out(number, str(wrong))
    known = set(_subjects_known([_code(old) for old, _name in found.values()]))
    subjects_provide(run, [(_code(old), name) for old, name in found.values()])
    for old, name in found.values():
        school.classes[old] = name
        table.unchanged += _code(old) in known
        table.new += _code(old) not in known


def _subjects_known(codes: list[str]) -> list[str]:
    return list(Subject.objects.filter(code__in=codes).values_list("code", flat=True))


def _is_closed(row: OldRow) -> bool:
    value = row.get("is_active")
    return value is not None and not flag(value)


def _students(school: _School) -> None:
    run = school.run
    used = {"id", "student_id", "name", "email", "phone", "class_id", "is_active", "created_at"}
    used |= {"photo_path"}
    left = {"uuid": _("people have one of this system"), "updated_at": _("the move's time counts")}
    table = run.table("students", used=used, left={**_VECTORS, **left})

    def record(row: OldRow) -> Record:
        _is_closed(row)
        number = text(row.get("student_id"))
        return {
            "code": number or _code(text(row.get("id"))),
            "first_name": words(row.get("name"), 300),
            "email": text(row.get("email")),
            "phone": phone_of(row.get("phone"), table),
        }

    rows = run.read(table, record)
    people, school.to_close = people_move(run, table, Student, rows, is_closed=_is_closed)
    for number, row, _found in rows:
        if number not in people:
            continue
        person = people[number]
        school.students[text(row.get("id"))] = person
        school.members[text(row.get("class_id"))].append(person)
        if row.get("created_at"):
            school.came[person.pk] = _day_of(school, row["created_at"])


def _day_of(school: _School, value: OldValue) -> date:
    return moment(value, school.run.zone).astimezone(school.run.zone).date()


def _sessions(school: _School) -> None:
    run = school.run
    used = {"id", "class_id", "status", *_STARTS, *_ENDS, *_DAYS, *_TOPIC}
    table = run.table("attendance_sessions", used=used)
    marked = _marked(school)
    read: list[tuple[int, str, str, datetime, datetime, str]] = []
    for number, row in run.old.rows("attendance_sessions"):
        try:
            old, of = text(row.get("id")), text(row.get("class_id"))
            if of not in school.classes:
                raise Wrong(_("Names no class that was brought."))
            if old not in marked:
                raise Wrong(_("Nobody was recorded in it."))
            starts, ends = _period(school, row)
            read.append((number, old, of, starts, ends, words(_first(row, _TOPIC), 200)))
        except Wrong as wrong:
            table.leave_out(number, str(wrong))
    courses = _courses(school, [(of, starts) for _n, _old, of, starts, _e, _t in read])
    school.history.sessions_write(
        table,
        [
            (number, _session(courses[of, _year(school, starts)], old, starts, ends, topic))
            for number, old, of, starts, ends, topic in read
        ],
    )
    for _number, old, of, starts, _ends, _topic in read:
        school.starts[old], school.class_of[old] = starts, of


def _session(course: Any, old: str, starts: datetime, ends: datetime, topic: str) -> OldSession:
    return OldSession(
        key=old,
        course_id=course.pk,
        faculty_id=course.faculty_id,
        starts_at=starts,
        ends_at=ends,
        topic=topic,
    )


def _marked(school: _School) -> set[str]:
    found = school.run.old.query("SELECT DISTINCT session_id FROM attendance_records")
    return {text(old) for (old,) in found}


def _year(school: _School, starts: datetime) -> str:
    return year_of(starts.astimezone(school.run.zone).date())


def _period(school: _School, row: OldRow) -> tuple[datetime, datetime]:
    """Start and end; an hour where there is no end, the whole day where there is no start."""
    zone, starts, held = school.run.zone, _first(row, _STARTS[:3]), _first(row, _DAYS)
    if starts is None and held is not None:
        first = datetime.combine(day(held), time(), tzinfo=zone)
        return first, first + timedelta(days=1)
    begins = _moment(school, starts if starts is not None else row.get("created_at"), held)
    ends = _first(row, _ENDS)
    until = begins + HOUR if ends is None else _moment(school, ends, held)
    if until <= begins:
        raise Wrong(_("Ends before it starts."))
    return begins, until


def _moment(school: _School, value: OldValue, held: OldValue) -> datetime:
    """A moment, or a time of the day beside the day."""
    if held is not None and isinstance(value, str) and "-" not in value and ":" in value:
        return datetime.combine(day(held), clock(value[:8]), tzinfo=school.run.zone)
    return moment(value, school.run.zone)


def _courses(school: _School, met: list[tuple[str, datetime]]) -> dict[tuple[str, str], Any]:
    """(class, school year) → its course, with the class's students enrolled."""
    run, zone = school.run, school.run.zone
    days = {(of, starts.astimezone(zone).date()) for of, starts in met}
    terms = terms_for(run, [held for _of, held in days], goes_on=True)
    if not days:
        return {}
    keeper = keeper_provide(run)
    subjects = subjects_provide(run, [(_code(of), school.classes[of]) for of, _held in days])
    courses: dict[tuple[str, str], Any] = {}
    for year, term in terms.items():
        classes = sorted({of for of, held in days if year_of(held) == year})
        wanted = [
            CourseWanted(code=_code(of), subject_id=subjects[_code(of)], faculty_id=keeper.pk)
            for of in classes
        ]
        made = courses_provide(run, term, wanted)
        courses |= {(of, year): made[_code(of)] for of in classes}
        if classes:
            held_days = [held for _of, held in days if year_of(held) == year]
            last = max(held_days)
            enrolled = [
                (person.code, _code(of), _since(school, person, term.starts_on, last))
                for of in classes
                for person in school.members[of]
                if person.is_active
            ]
            enroll_in(run, term, enrolled, last=last)
    return courses


def _since(school: _School, person: Any, first: date, last: date) -> date:
    return min(max(school.came.get(person.pk, first), first), last)


def _records(school: _School) -> None:
    run = school.run
    used = {"id", "session_id", "student_id", "confidence", "timestamp", "detection_metadata"}
    used |= {"metadata"}
    left = {"face_coordinates": _("belongs to a photo that is not kept")}
    table = run.table("attendance_records", used=used, left=left)
    history = school.history
    present: dict[str, set[int]] = defaultdict(set)
    marks = history.read_marks(table, partial(_mark, school))
    history.marks_write(table, _with_absences(school, marks, present))
    codes = {person.pk: person.code for person in school.students.values()}
    history.compare(_before(school), codes)


def _mark(school: _School, row: OldRow) -> OldMark:
    student = school.students.get(text(row.get("student_id")))
    if student is None:
        raise Unmarked(_("Names no student who was brought."))
    session = text(row.get("session_id"))
    if session not in school.history.sessions:
        reason = _("Names no session that was brought.")
        raise Unmarked(reason, student_id=student.pk, attended=True)
    try:
        confidence = _confidence(row)
        at = row.get("timestamp")
        recorded = moment(at, school.run.zone) if at else school.starts[session]
    except Wrong as wrong:
        raise Unmarked(str(wrong), student_id=student.pk, attended=True) from wrong
    known = confidence is not None
    return OldMark(
        session=session,
        student_id=student.pk,
        status="present",
        recorded_at=recorded,
        score=round(confidence, 2) if confidence is not None else None,
        face=known,
        notes=_("Confidence %s") % confidence if known else _("Confidence not recorded"),
    )


def _confidence(row: OldRow) -> Any:
    """As measured; None where it was not, and where the old migration made it up."""
    found = fraction(row.get("confidence"))
    said = text(_first(row, ("detection_metadata", "metadata"))).replace(" ", "")
    if found is not None and float(found) == 0.9 and f'"{INVENTED}":true' in said:
        return None
    return found


def _with_absences(
    school: _School, marks: Iterator[OldMark], present: dict[str, set[int]]
) -> Iterator[OldMark]:
    """The marks, then an absence for everybody of the class who was not recorded."""
    by_session: dict[int, str] = {}
    for old, (pk, _course) in school.history.sessions.items():
        by_session.setdefault(pk, old)
    for mark in marks:
        present[by_session[school.history.sessions[mark.session][0]]].add(mark.student_id)
        yield mark
    for old in by_session.values():
        starts = school.starts[old]
        held = starts.astimezone(school.run.zone).date()
        for person in school.members[school.class_of[old]]:
            came = school.came.get(person.pk)
            if person.pk not in present[old] and (came is None or came <= held):
                yield OldMark(
                    session=old,
                    student_id=person.pk,
                    status="absent",
                    recorded_at=starts,
                    notes=_("No row in the old system"),
                    added=True,
                )


def _before(school: _School) -> dict[int, Sums]:
    found = school.run.old.query(
        "SELECT student_id, count(*) FROM attendance_records GROUP BY student_id"
    )
    return {
        school.students[text(old)].pk: (rows, rows)
        for old, rows in found
        if text(old) in school.students
    }


def _photos(school: _School) -> None:
    run, faces = school.run, Faces(school.run)
    if "photo_path" not in run.old.columns("students") or run.old.folder is None:
        return
    for _number, row in run.old.rows("students"):
        name = row.get("photo_path")
        if isinstance(name, str) and name:
            person = school.students.get(str(row.get("id")))
            read: Callable[[], Photo] = partial(photo_file, run.old.folder, name)
            faces.add([(person.pk if person else None, read)])
    run.report.notes += faces.said()
