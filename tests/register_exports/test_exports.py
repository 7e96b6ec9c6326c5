"""Registers for a data warehouse: what files hold, what changed, what is gone, whom they name."""

import csv
import hashlib
import io
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from apps.accounts.models import Membership, Student
from apps.attendance.models import AttendanceRecord, CustomStatus
from apps.audit.models import Entry
from apps.audit.services import SYSTEM
from apps.common.errors import Refused
from apps.enrollments.models import Enrollment
from apps.jobs.models import Job
from apps.jobs.progress import Progress
from apps.jobs.services import job_fail, job_succeed
from apps.register_exports.models import DeletedRow, RegisterExport, WarehouseSetting
from apps.register_exports.selectors import DELETED_COLUMNS, REGISTER_TABLES
from apps.register_exports.services import (
    KEPT,
    OVERLAP,
    export_run,
    export_start,
    new_key,
    nightly_export,
    traces_purge,
)
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.admin.support import client_of, url
from tests.factories import Cast, make_cast, make_session, make_student

pytestmark = pytest.mark.django_db
NIGHT = timedelta(days=1)


@pytest.fixture
def place(settings: Any, tmp_path: Path) -> Path:
    folder = tmp_path / "lake"
    settings.STORAGES = {
        **settings.STORAGES,
        "registers:lake": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": folder, "allow_overwrite": True},
        },
    }
    return folder


@pytest.fixture
def setting(in_campus: Cast, place: Path) -> WarehouseSetting:
    return WarehouseSetting.objects.create(target="lake", sealed_key=new_key(), is_nightly=True)


@pytest.fixture
def session(in_campus: Cast) -> ClassSession:
    return make_session(in_campus.course)


def mark(session: ClassSession, student: Student, status: str) -> AttendanceRecord:
    return AttendanceRecord.objects.create(
        session=session,
        student=student,
        status=status,
        source="manual",
        recorded_at=session.starts_at,
    )


def removed(student: Student) -> None:
    """Without what a service or the administration would look at first."""
    Student.objects.filter(pk=student.pk)._raw_delete("default")


def moment_of(row: Any) -> datetime:
    """Of the last change, so that exports lie after it."""
    row.refresh_from_db()
    changed: datetime = row.updated_at
    return changed


class Written:
    """The files of an export as a warehouse reads them."""

    def __init__(self, place: Path, export: RegisterExport) -> None:
        [self.folder] = place.glob(f"*/*-{export.pk}")
        self.manifest = json.loads((self.folder / "manifest.json").read_text())

    def rows(self, name: str) -> list[dict[str, str]]:
        text = (self.folder / f"{name}.csv").read_text()
        return list(csv.DictReader(io.StringIO(text)))

    def lines(self) -> list[dict[str, Any]]:
        path = self.folder / "student_section_attendance_events.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()]


def run_export(now: datetime, **options: Any) -> RegisterExport:
    """As a worker does it."""
    started = export_start(
        **{"full": False, "user_id": None, "now": now, "actor": SYSTEM, **options}
    )
    job = Job.objects.get(pk=started.job_id)
    while (result := export_run(job, no_progress())) is None:
        pass
    job_succeed(job_id=job.pk, result=result, now=now)
    started.refresh_from_db()
    return started


def no_progress() -> Progress:
    """Which writes nothing: its connection would wait for the test's."""
    progress = Progress.__new__(Progress)
    progress.at = lambda *_args, **_named: None  # type: ignore[method-assign]
    return progress


def export(place: Path, now: datetime, **options: Any) -> Written:
    return Written(place, run_export(now, **options))


def test_everything_is_in_the_first_export_and_the_manifest_says_so(
    setting: WarehouseSetting, session: ClassSession, in_campus: Cast, place: Path
) -> None:
    record = mark(session, in_campus.student, "late")
    mark(session, in_campus.classmate, "absent")
    now = moment_of(record)
    written = export(place, now)
    manifest = written.manifest
    assert (manifest["whole"], manifest["since"], manifest["campus"]) == (True, None, "north")
    assert (manifest["format"], manifest["version"]) == ("campus-registers", 1)
    counts = {one["name"]: one["rows"] for one in manifest["files"]}
    assert counts == {
        "terms.csv": 1, "courses.csv": 2, "students.csv": 4, "lecturers.csv": 2,
        "enrolments.csv": 3, "sessions.csv": 1, "attendance.csv": 2, "deleted.csv": 0,
    }  # fmt: skip
    for one in manifest["files"]:
        data = (written.folder / one["name"]).read_bytes()
        assert one["bytes"] == len(data)
        assert one["sha256"] == hashlib.sha256(data).hexdigest()
        assert len(data.splitlines()) == one["rows"] + 1
    [late] = [row for row in written.rows("attendance") if row["status"] == "late"]
    assert late["id"] == str(record.pk)
    assert late["counts_as"] == "attended"
    assert late["session_id"] == str(session.pk)
    [held] = written.rows("sessions")
    assert held["starts_at"] == "2026-09-14T08:00:00.000000Z"
    assert held["day"] == "2026-09-14"
    students = {row["id"] for row in written.rows("students")}
    assert late["student_id"] in students
    assert {row["student_id"] for row in written.rows("enrolments")} <= students
    lecturers = {row["id"] for row in written.rows("lecturers")}
    assert {row["lecturer_id"] for row in written.rows("courses")} <= lecturers
    stored = RegisterExport.objects.get()
    assert (stored.status, stored.manifest) == ("written", manifest)
    actions = list(Entry.objects.values_list("action", flat=True))
    assert "registers.export.started" in actions
    assert "registers.export.written" in actions


def test_the_next_ones_have_changes_corrections_and_what_is_gone(
    setting: WarehouseSetting, session: ClassSession, in_campus: Cast, place: Path
) -> None:
    kept = mark(session, in_campus.student, "present")
    corrected = mark(session, in_campus.classmate, "absent")
    undone = mark(session, in_campus.representative, "absent")
    gone = str(undone.pk)
    first = moment_of(undone) + OVERLAP + timedelta(seconds=1)
    AttendanceRecord.objects.filter(pk=kept.pk).update(updated_at=first - NIGHT)
    export(place, first)
    pks = {"kept": kept.pk, "corrected": corrected.pk}
    assert export(place, first + NIGHT).rows("attendance") == []

    later = first + NIGHT + NIGHT
    AttendanceRecord.objects.filter(pk=corrected.pk).update(status="excused", updated_at=later)
    undone.delete()
    DeletedRow.objects.update(deleted_at=later)
    stranger = str(in_campus.stranger.uuid)
    removed(in_campus.stranger)
    DeletedRow.objects.filter(key=stranger).update(deleted_at=later)
    written = export(place, later + timedelta(minutes=1))
    assert written.manifest["whole"] is False
    [row] = written.rows("attendance")
    assert (row["id"], row["status"]) == (str(pks["corrected"]), "excused")
    found = {(one["table"], one["id"]) for one in written.rows("deleted")}
    assert ("attendance", gone) in found
    [person] = [key for table, key in found if table == "students"]
    assert person != stranger
    everybody = export(place, later + NIGHT, full=True)
    assert person not in {one["id"] for one in everybody.rows("students")}
    assert everybody.rows("deleted") == []
    assert len(everybody.rows("attendance")) == 2


def test_an_export_again_is_the_same_export(
    setting: WarehouseSetting, session: ClassSession, in_campus: Cast, place: Path
) -> None:
    """A worker was lost after some files: the job begins anew and writes the same ones."""
    now = moment_of(mark(session, in_campus.student, "present"))
    once = export(place, now, full=True)
    again = export(place, now, full=True)
    assert again.manifest["files"] == once.manifest["files"]
    started = export_start(full=True, user_id=None, now=now, actor=SYSTEM)
    job = Job.objects.get(pk=started.job_id)
    for _part in range(3):
        assert export_run(job, no_progress()) is None
    [folder] = place.glob(f"*/*-{started.pk}")
    assert not (folder / "manifest.json").exists()
    job = Job.objects.get(pk=started.job_id)
    while export_run(job, no_progress()) is None:
        pass
    assert Written(place, started).manifest["files"] == once.manifest["files"]


def test_who_is_no_administrator_any_more_exports_nothing(
    setting: WarehouseSetting, session: ClassSession, in_campus: Cast, place: Path
) -> None:
    """The role was taken after the first file, or before a worker had time."""
    now = moment_of(mark(session, in_campus.student, "present"))
    started = export_start(full=True, user_id=in_campus.admin.pk, now=now, actor=SYSTEM)
    job = Job.objects.get(pk=started.job_id)
    assert export_run(job, no_progress()) is None
    Membership.objects.filter(user=in_campus.admin).update(is_active=False)
    with pytest.raises(Refused, match="may not export registers any more"):
        export_run(Job.objects.get(pk=started.job_id), no_progress())
    assert not list(place.glob("*/*/manifest.json"))


@pytest.mark.parametrize(
    ("people", "number", "name"),
    [("pseudonyms", "", ""), ("numbers", "STUD", ""), ("names", "STUD", "Student")],
)
def test_people_are_named_as_the_campus_says(
    setting: WarehouseSetting, in_campus: Cast, place: Path, people: str, number: str, name: str
) -> None:
    Student.objects.filter(pk=in_campus.student.pk).update(first_name="Student", last_name="=1+1")
    WarehouseSetting.objects.update(people=people)
    now = moment_of(in_campus.student)
    written = export(place, now)
    text = "".join(path.read_text() for path in written.folder.iterdir())
    assert str(in_campus.student.uuid) not in text
    assert in_campus.student.email not in text
    rows = [row for row in written.rows("students") if row["number"] == number]
    assert name in {row["first_name"] for row in rows}
    assert ("STUD" in text) is (people != "pseudonyms")
    assert ("'=1+1" in text) is (people == "names")  # no cell is a formula
    assert all(len(row["id"]) == 32 for row in rows)


def test_pseudonyms_of_another_campus_are_others(
    setting: WarehouseSetting, in_campus: Cast, other_cast: Cast, place: Path
) -> None:
    mine = export(place, moment_of(in_campus.student))
    with campus_scope(other_cast.campus):
        WarehouseSetting.objects.create(target="lake", sealed_key=new_key())
        theirs = export(place, moment_of(other_cast.student))
    assert mine.folder.parent.name == "north"
    assert theirs.folder.parent.name == "south"
    for name in ("students", "courses", "enrolments"):
        ours = {row["id"] for row in mine.rows(name)}
        assert ours
        assert not ours & {row["id"] for row in theirs.rows(name)}


def test_events_have_the_shape_of_ed_fi(
    setting: WarehouseSetting, session: ClassSession, in_campus: Cast, place: Path
) -> None:
    WarehouseSetting.objects.update(school_number=255901)
    records = {
        status: mark(session, student, status)
        for status, student in (
            ("present", in_campus.student),
            ("late", in_campus.classmate),
            ("absent", in_campus.representative),
        )
    }
    gone = mark(session, in_campus.stranger, "excused")
    key = gone.pk
    now = moment_of(gone)
    first = export(place, now)
    students = {row["id"] for row in first.rows("students")}
    lines = {line["mark"]: line for line in first.lines()}
    event = lines[records["late"].pk]["resource"]
    assert event.pop("studentReference")["studentUniqueId"] in students
    descriptor = "uri://ed-fi.org/AttendanceEventCategoryDescriptor#"
    assert event == {
        "sectionReference": {
            "localCourseCode": in_campus.course.subject.code,
            "schoolId": 255901,
            "schoolYear": 2027,
            "sectionIdentifier": in_campus.course.code,
            "sessionName": "Autumn",
        },
        "eventDate": "2026-09-14",
        "attendanceEventCategoryDescriptor": descriptor + "Tardy",
    }
    kinds = {
        line["resource"]["attendanceEventCategoryDescriptor"].removeprefix(descriptor)
        for line in lines.values()
    }
    assert kinds == {"In Attendance", "Tardy", "Unexcused Absence", "Excused Absence"}
    gone.delete()
    DeletedRow.objects.update(deleted_at=now + NIGHT)
    assert {"operation": "delete", "mark": key} in export(place, now + NIGHT).lines()


def test_an_event_is_told_again_when_what_it_names_is_changed(
    setting: WarehouseSetting, session: ClassSession, in_campus: Cast, place: Path
) -> None:
    WarehouseSetting.objects.update(school_number=255901)
    label = CustomStatus.objects.create(
        code="ill", name="Ill", meaning="absent", points=0, counts_as="missed"
    )
    one = mark(session, in_campus.student, "absent")
    AttendanceRecord.objects.filter(pk=one.pk).update(label=label)
    at = moment_of(one) + NIGHT
    course = in_campus.course
    for row in (session, course, course.subject, course.term, label):
        export(place, at)
        assert export(place, at + NIGHT).lines() == []
        at += NIGHT + NIGHT
        type(row).objects.filter(pk=row.pk).update(updated_at=at)
        assert [line["mark"] for line in export(place, at).lines()] == [one.pk], row
        at += NIGHT


def test_parquet_has_the_same_rows_with_types(
    setting: WarehouseSetting, session: ClassSession, in_campus: Cast, place: Path
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    record = mark(session, in_campus.student, "present")
    now = moment_of(record)
    written = export(place, now, file_format="parquet")
    [row] = parquet.read_table(written.folder / "attendance.parquet").to_pylist()
    assert row["id"] == record.pk
    assert row["recorded_at"] == record.recorded_at
    assert row["label"] is None
    [held] = parquet.read_table(written.folder / "sessions.parquet").to_pylist()
    assert held["day"] == session.starts_at.date()
    assert len(parquet.read_table(written.folder / "students.parquet")) == 4
    assert len(parquet.read_table(written.folder / "deleted.parquet")) == 0


def test_without_the_library_parquet_is_refused(
    setting: WarehouseSetting, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.register_exports.services.has_parquet", lambda: False)
    with pytest.raises(Refused) as refused:
        export_start(full=True, user_id=None, now=now, actor=SYSTEM, file_format="parquet")
    assert refused.value.code == "no_parquet"


def test_the_night_exports_where_the_campus_wants_it(
    setting: WarehouseSetting, in_campus: Cast, now: datetime
) -> None:
    assert nightly_export(now=now) == 1
    assert nightly_export(now=now + NIGHT) == 0  # the first one is still being written
    assert Entry.objects.filter(action="registers.export.refused").count() == 1
    [job] = Job.objects.all()
    job_fail(job_id=job.pk, problem="The place took no file.", now=now)
    failed = RegisterExport.objects.get()
    assert (failed.status, failed.problem) == ("failed", "The place took no file.")
    start = client_of(in_campus, in_campus.admin).get("/admin/").content.decode()
    assert "The place took no file." in start
    WarehouseSetting.objects.update(is_nightly=False)
    assert nightly_export(now=now + NIGHT) == 0
    WarehouseSetting.objects.all().delete()
    with pytest.raises(Refused) as refused:
        export_start(full=True, user_id=None, now=now, actor=SYSTEM)
    assert refused.value.code == "no_setting"


def test_a_failed_export_is_made_up_for_by_the_next(
    setting: WarehouseSetting, in_campus: Cast, place: Path, settings: Any
) -> None:
    now = moment_of(in_campus.student)
    export(place, now)
    WarehouseSetting.objects.update(target="elsewhere")
    with pytest.raises(Refused) as refused:
        export(place, now + NIGHT)
    assert refused.value.code == "no_target"
    Job.objects.filter(status="queued").update(status="cancelled")
    WarehouseSetting.objects.update(target="lake")
    place.chmod(0o500)
    started = export_start(full=False, user_id=None, now=now + 2 * NIGHT, actor=SYSTEM)
    place.chmod(0o700)
    assert started.since == now - OVERLAP
    assert set(RegisterExport.objects.values_list("status", flat=True)) == {
        *("written", "failed", "running")
    }


def test_traces_are_kept_for_90_days_and_older_changes_are_a_whole_export(
    setting: WarehouseSetting, in_campus: Cast, place: Path
) -> None:
    removed(make_student("GONE"))
    now = moment_of(in_campus.student)
    export(place, now)
    DeletedRow.objects.update(deleted_at=now)
    assert traces_purge(now=now + KEPT) == 0
    assert traces_purge(now=now + KEPT + NIGHT) == 1
    assert RegisterExport.objects.count() == 1  # the newest
    started = export_start(full=False, user_id=None, now=now + KEPT + NIGHT, actor=SYSTEM)
    assert started.since is None


def test_the_guide_names_every_column() -> None:
    guide = Path("docs/guides/register-exports.md").read_text()
    for table in REGISTER_TABLES:
        _before, _heading, rest = guide.partition(f"\n### {table.name}\n")
        part = rest.partition("\n### ")[0]
        named = [line.split("|")[1].strip(" `") for line in part.splitlines() if "| `" in line]
        assert named == [column.name for column in table.columns], table.name
    for column in DELETED_COLUMNS:
        assert f"`{column.name}`" in guide


def test_an_administrator_enters_it_and_exports(
    in_campus: Cast, place: Path, now: datetime
) -> None:
    client = client_of(in_campus, in_campus.admin)
    sent = {"target": "lake", "people": "pseudonyms", "file_format": "csv", "is_nightly": "on"}
    assert client.post(url(WarehouseSetting, "add"), sent).status_code == 302
    setting = WarehouseSetting.objects.get()
    assert len(setting.sealed_key) > 32
    wrong = client.post(url(WarehouseSetting, "add"), {**sent, "target": "elsewhere"})
    assert WarehouseSetting.objects.count() == 1
    assert wrong.status_code in (200, 302)
    chosen = {"_selected_action": [str(setting.pk)], "action": "export_whole"}
    answer = client.post(url(WarehouseSetting, "changelist"), chosen)
    started = RegisterExport.objects.get()
    assert answer["Location"] == url(RegisterExport, "change", started.pk)
    assert client.get(answer["Location"]).status_code == 200
    outsider = client_of(in_campus, in_campus.operator)
    outsider.post(url(WarehouseSetting, "changelist"), chosen)
    assert RegisterExport.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_command(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cast = make_cast("north")
    with pytest.raises(CommandError, match="exports no registers"):
        call_command("export_registers", "--campus=north")
    with campus_scope(cast.campus):
        WarehouseSetting.objects.create(target="lake", sealed_key=new_key())
    call_command("export_registers", "--campus=north")
    said = capsys.readouterr().out
    assert "students.csv: 4 rows" in said
    assert "Everything, at lake." in said
    call_command("export_registers", "--campus=north", "--since=2026-01-01", "--format=csv")
    assert (
        "Changes since 2026-01-01" in capsys.readouterr().out or len(list(place.glob("*/*"))) == 2
    )
    with campus_scope(cast.campus):
        WarehouseSetting.objects.update(target="elsewhere")
    with pytest.raises(CommandError, match="Choose another one"):
        call_command("export_registers", "--campus=north", "--full")
    with campus_scope(cast.campus):
        assert Enrollment.objects.count() == 3


def test_many_rows_are_read_in_batches(
    setting: WarehouseSetting, in_campus: Cast, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.register_exports.selectors.BATCH", 2)
    monkeypatch.setattr("apps.register_exports.writing.BATCH", 2)
    assert len(export(place, moment_of(in_campus.student)).rows("students")) == 4
