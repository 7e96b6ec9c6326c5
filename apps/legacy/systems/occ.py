"""OCC, OCCUR-CALL: attendance by cameras. Its SQLite file and the folder of images beside it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

from django.utils.translation import gettext as _

from apps.accounts.models import Faculty, Student
from apps.common.errors import Invalid
from apps.legacy.values import code, moment, text, words
from apps.legacy.writing.faces import Faces, photo_file
from apps.legacy.writing.history import History, OldMark, OldSession, Sums, Unmarked
from apps.legacy.writing.people import invitations_note, people_move
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
from apps.old_databases import OldRow
from apps.old_databases.pickles import ArraySeen, pickle_read
from apps.tabular_files.fields import Wrong

TABLES: Final = (
    *("users", "attendance_logs", "unknown_faces", "unknown", "face_events", "system_events"),
)
TELLS: Final = ("attendance_logs", "face_events")
CAMERA: Final = ("OCC-CAMERA", "Attendance by camera")
STUDENTS: Final = ("", "student", "user", "member")
TEACHERS: Final = ("faculty", "teacher", "lecturer", "professor")
STATUSES: Final = ("recognized", "manual", "corrected")
IMAGES: Final = (".jpg", ".jpeg", ".png", ".bmp")
LEARNED: Final = (
    *("learning_data.pkl", "feature_cache/user_features.pkl"),
    *("model_cache/face_model.pkl", "model_cache/pose_model.pkl"),
)


@dataclass
class _Cameras:
    """Old ids (as text) → what is here now."""

    run: Run
    students: dict[str, Any] = field(default_factory=dict)
    faculty: set[str] = field(default_factory=set)
    history: History = field(init=False)

    def __post_init__(self) -> None:
        self.history = History(self.run)


def move(run: Run) -> None:
    cameras = _Cameras(run)
    _users(cameras)
    _logs(cameras)
    unknown = _("A face of nobody known: there is no consent, and nobody to ask.")
    run.leave_table("unknown_faces", unknown)
    run.leave_table("unknown", unknown)
    run.leave_table("face_events", _("What cameras saw is not kept here; marks are."))
    run.leave_table("system_events", _("The log of the old machine."))
    invitations_note(run)
    _images(cameras)
    _learned(run)


def _users(cameras: _Cameras) -> None:
    """Users are students or faculty, by their role."""
    run = cameras.run
    left = {"face_encoding": _("vectors of a model that is not ours are never compared")}
    left |= {"created_at": _("the time of the move counts")}
    table = run.table("users", used={"id", "name", "email", "role"}, left=left)
    kinds: dict[str, list[tuple[int, OldRow, Record]]] = {"students": [], "faculty": []}
    for number, row in run.old.rows("users"):
        try:
            role = text(row.get("role")).lower()
            if role not in (*STUDENTS, *TEACHERS):
                reason = _("Role “%(role)s”: give these people their role by hand.")
                raise Wrong(reason % {"role": role[:20]})
            kind = "faculty" if role in TEACHERS else "students"
            kinds[kind].append((number, row, _person(row)))
        except Wrong as wrong:
            table.leave_out(number, str(wrong))
    students, _closed = people_move(run, table, Student, kinds["students"])
    teachers, _closed = people_move(run, table, Faculty, kinds["faculty"])
    for number, row, _record in kinds["students"]:
        if number in students:
            cameras.students[text(row.get("id"))] = students[number]
    cameras.faculty |= {text(row.get("id")) for n, row, _r in kinds["faculty"] if n in teachers}


def _person(row: OldRow) -> Record:
    old = text(row.get("id"))
    return {
        "code": f"OCC-{code(old, 40)}" if old else "",
        "first_name": words(row.get("name"), 200),
        "email": text(row.get("email")),
    }


def _logs(cameras: _Cameras) -> None:
    """A register for each day on which somebody was seen. Who was not seen has no mark: the old
    system never said who should have come."""
    run = cameras.run
    path = _("the picture of a mark is not kept")
    used = {"id", "user_id", "status", "timestamp"}
    table = run.table("attendance_logs", used=used, left={"snapshot_path": path})
    days = _days(cameras)
    terms = terms_for(run, list(days))
    courses: dict[str, Any] = {}
    if days:
        subject = subjects_provide(run, [CAMERA])[CAMERA[0]]
        keeper = keeper_provide(run)
        wanted = CourseWanted(code=CAMERA[0], subject_id=subject, faculty_id=keeper.pk)
        for year, term in terms.items():
            courses[year] = courses_provide(run, term, [wanted])[CAMERA[0]]
            _enroll(cameras, term, [held for held in days if year_of(held) == year], days)
    sessions = (
        (n, _session(cameras, courses[year_of(held)], held)) for n, held in enumerate(sorted(days))
    )
    cameras.history.sessions_write(None, sessions)
    marks = cameras.history.read_marks(table, partial(_mark, cameras))
    cameras.history.marks_write(table, marks)
    names = {person.pk: person.code for person in cameras.students.values()}
    cameras.history.compare(_before(cameras), names)


def _days(cameras: _Cameras) -> dict[date, set[str]]:
    """Day → numbers of the students who were seen."""
    found: dict[date, set[str]] = {}
    for _number, row in cameras.run.old.rows("attendance_logs"):
        try:
            student, at = _student_and_moment(cameras, row)
        except Wrong:
            continue  # reported as it is written
        found.setdefault(_day(cameras, at), set()).add(student.code)
    return found


def _day(cameras: _Cameras, at: datetime) -> date:
    return at.astimezone(cameras.run.zone).date()


def _student_and_moment(cameras: _Cameras, row: OldRow) -> tuple[Any, datetime]:
    old = text(row.get("user_id"))
    student = cameras.students.get(old)
    if student is None and old in cameras.faculty:
        raise Unmarked(_("Of faculty, who have no register here."))
    if student is None:
        raise Unmarked(_("Names nobody who was brought."))
    try:
        if text(row.get("status")).lower() not in STATUSES:
            raise Wrong(_("There is no such status."))
        return student, moment(row.get("timestamp"), cameras.run.zone)
    except Wrong as wrong:
        raise Unmarked(str(wrong), student_id=student.pk, attended=True) from wrong


def _enroll(cameras: _Cameras, term: Any, held: list[date], seen: dict[date, set[str]]) -> None:
    first: dict[str, date] = {}
    for day in sorted(held):
        for number in seen[day]:
            first.setdefault(number, day)
    if first:
        wanted = [(number, CAMERA[0], day) for number, day in sorted(first.items())]
        enroll_in(cameras.run, term, wanted, last=max(held))


def _session(cameras: _Cameras, course: Any, held: date) -> OldSession:
    zone = cameras.run.zone
    return OldSession(
        key=held,
        course_id=course.pk,
        faculty_id=course.faculty_id,
        starts_at=datetime.combine(held, time(), tzinfo=zone),
        ends_at=datetime.combine(held + timedelta(days=1), time(), tzinfo=zone),
        topic=_("Brought from OCC"),
    )


def _mark(cameras: _Cameras, row: OldRow) -> OldMark:
    student, at = _student_and_moment(cameras, row)
    return OldMark(
        session=_day(cameras, at),
        student_id=student.pk,
        status="present",
        recorded_at=at,
        notes=_("%s in the old system") % text(row.get("status")).lower(),
    )


def _before(cameras: _Cameras) -> dict[int, Sums]:
    if "attendance_logs" not in cameras.run.old.tables:
        return {}
    found = cameras.run.old.query("SELECT user_id, count(*) FROM attendance_logs GROUP BY user_id")
    return {
        cameras.students[text(old)].pk: (rows, rows)
        for old, rows in found
        if text(old) in cameras.students
    }


def _images(cameras: _Cameras) -> None:
    """Samples of `face_db/user_NNN` for who agreed; every other image is counted."""
    run, folder = cameras.run, cameras.run.old.folder
    if folder is None:
        return
    faces, others = Faces(run), Counter[str]()
    for path in _files(folder):
        parts = path.relative_to(folder).parts
        if parts[0] == "face_db" and len(parts) == 3 and parts[1].startswith("user_"):
            old = parts[1].removeprefix("user_").lstrip("0") or "0"
            student = cameras.students.get(old)
            read = partial(photo_file, folder, "/".join(parts))
            faces.add([(student.pk if student else None, read)])
        elif parts[0] in ("face_db", "unknown", "snapshots"):
            others[parts[0]] += 1
    run.report.notes += faces.said()
    left = _("%(count)d images below %(folder)s left out: pictures without a consent")
    run.report.notes += [
        left % {"count": count, "folder": name} for name, count in sorted(others.items())
    ]


def _files(folder: Path) -> Iterator[Path]:
    """Images below the folder, in order; links are not followed."""
    for name in ("face_db", "snapshots", "unknown"):
        below = folder / name
        if below.is_dir() and not below.is_symlink():
            yield from sorted(
                path
                for path in below.rglob("*")
                if path.suffix.lower() in IMAGES and path.is_file() and not path.is_symlink()
            )


def _learned(run: Run) -> None:
    """What the learning files hold, read without running them; vectors are not brought."""
    if run.old.folder is None:
        return
    for name in LEARNED:
        path = run.old.folder / name
        if not path.is_file():
            continue
        try:
            run.report.notes.append(f"{name}: {_summary(pickle_read(path))}")
        except Invalid as refused:
            run.report.notes.append(f"{name}: {refused.message}")


def _summary(content: Any) -> str:
    arrays, texts = Counter[str](), 0
    waiting, seen = [content], set()
    while waiting:
        value = waiting.pop()
        if isinstance(value, ArraySeen):
            arrays["x".join(map(str, value.shape)) or "1"] += 1
        elif isinstance(value, (list, tuple, dict)) and id(value) not in seen:
            seen.add(id(value))
            waiting += [*value.keys(), *value.values()] if isinstance(value, dict) else value
        elif isinstance(value, str):
            texts += 1
    shapes = ", ".join(f"{count} of {shape}" for shape, count in sorted(arrays.items())[:10])
    message = _("%(arrays)d arrays (%(shapes)s) and %(texts)d texts; left out: other models")
    return message % {"arrays": arrays.total(), "shapes": shapes or "–", "texts": texts}
