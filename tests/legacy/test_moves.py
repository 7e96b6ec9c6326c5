"""Moving in from the administration: upload, dry run, report, saving, and what is refused."""

import json
import threading
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone, translation

from apps.accounts.models import Student
from apps.audit.models import Entry
from apps.audit.services import SYSTEM
from apps.common.errors import Forbidden, Invalid, Refused
from apps.jobs.models import Job
from apps.jobs.progress import Cancelled
from apps.jobs.services import SILENT
from apps.jobs.tasks import execute_job, requeue_jobs
from apps.legacy.models import LegacyMove
from apps.legacy.personal_data import erase_moves
from apps.legacy.services import files as legacy_files
from apps.legacy.services import (
    move_cancel,
    move_check,
    move_commit,
    move_upload,
    moves_purge,
)
from apps.legacy.services.moves import REPORTS_KEPT, UPLOADS_KEPT
from apps.legacy.services.signs import LifeSigns
from apps.legacy.systems import SYSTEMS, OldSystem, sis
from apps.legacy.writing.run import Run
from apps.processes.spawning import wait_until
from apps.reconciliation.report import Report
from apps.tenants.rotation import sealed_files
from apps.tenants.scope import campus_scope
from tests.admin.support import client_of, url
from tests.factories import Cast, make_user
from tests.legacy import test_ams, test_int, test_occ, test_pgf
from tests.legacy.support import assert_reconciled, move, sqlite_file

pytestmark = pytest.mark.django_db

ams_dump = test_ams.dump
int_dump = test_int.dump
occ_folder = test_occ.folder
pgf_database = test_pgf.database
BACKUP = {
    "students": [
        {"id": 1, "name": "Ada <b>", "age": 16, "class": "10", "section": "A"},
        {"id": 2, "name": "", "age": 16, "class": "10", "section": "A"},
    ]
}


@pytest.fixture
def root(cast: Cast) -> Any:
    """An administrator of the platform, who has no role on the campus."""
    return make_user("root@platform.example", is_superuser=True)


@pytest.fixture
def visitor(cast: Cast, root: Any) -> Client:
    return client_of(cast, root)


def upload(visitor: Client, system: str, name: str, data: bytes, **more: Any) -> Any:
    file = SimpleUploadedFile(name, data)
    return visitor.post(url(LegacyMove, "add"), {"system": system, "file": file, **more})


def backup(visitor: Client) -> Any:
    return upload(visitor, "sis", "backup_data.json", json.dumps(BACKUP).encode())


def latest(cast: Cast) -> LegacyMove:
    with campus_scope(cast.campus):
        return LegacyMove.objects.select_related("job", "term", "created_by").latest("pk")


def work(cast: Cast) -> LegacyMove:
    """What the worker would do with the messages that wait; the move afterwards."""
    with campus_scope(cast.campus):
        waiting = list(Job.objects.filter(status=Job.Status.QUEUED).values_list("pk", flat=True))
    for job_id in waiting:
        execute_job(cast.campus.pk, job_id)
    return latest(cast)


def commit(visitor: Client, found: LegacyMove) -> Any:
    return visitor.post(url(LegacyMove, "commit", found.pk), {"check": str(found.job_id)})


def page_of(visitor: Client, found: LegacyMove) -> str:
    return visitor.get(url(LegacyMove, "change", found.pk)).content.decode()


def known(cast: Cast, code: str = "SIS-1") -> bool:
    with campus_scope(cast.campus):
        return Student.objects.filter(code=code).exists()


def direct(cast: Cast, user: Any, **more: Any) -> LegacyMove:
    """By the service, past the page."""
    options = {
        "system": "sis",
        "filename": "backup.json",
        "parts": [json.dumps(BACKUP).encode()],
        "term": None,
        "user_id": user.pk,
        "now": timezone.now(),
        "actor": SYSTEM,
    }
    with campus_scope(cast.campus):
        return move_upload(**{**options, **more})


def zipped(folder: Path, to: Path) -> bytes:
    """As a person packs a folder: the folder itself is in it, and what a Mac adds."""
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("__MACOSX/._old", b"\0")
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink() and path != to:
                archive.write(path, f"old/{path.relative_to(folder)}")
    return to.read_bytes()


# --- The way -------------------------------------------------------------------------------------


def test_upload_look_save(cast: Cast, visitor: Client) -> None:
    assert backup(visitor).status_code == 302
    assert "Waiting for a worker" in page_of(visitor, latest(cast))
    found = work(cast)
    assert (found.status, found.result["new"], found.result["left_out"]) == ("checked", 1, 1)
    page = page_of(visitor, found)
    assert "Nothing has been saved yet" in page
    assert "Ada &lt;b&gt;" in page
    assert "<b>" not in page.replace("<body", "")
    assert not known(cast)
    commit(visitor, found)
    found = work(cast)
    assert (found.status, found.finished_at is not None) == ("done", True)
    assert known(cast)
    assert "Every row is accounted for. Saved." in page_of(visitor, found)
    with campus_scope(cast.campus):
        actions = list(Entry.objects.filter(action__startswith="legacy.").order_by("pk"))
    assert [entry.action for entry in actions] == [
        *("legacy.uploaded", "legacy.committed", "legacy.moved_in")
    ]
    assert {entry.actor_label for entry in actions} == {"root@platform.example"}


def test_the_same_again_changes_nothing(cast: Cast, visitor: Client) -> None:
    backup(visitor)
    commit(visitor, work(cast))
    work(cast)
    backup(visitor)
    found = work(cast)
    assert (found.result["new"], found.result["changed"], found.result["unchanged"]) == (0, 0, 1)


@pytest.mark.parametrize("system", ["int", "ams", "pgf", "occ"])
def test_every_system_says_here_what_the_command_says(
    cast: Cast, visitor: Client, tmp_path: Path, request: Any, system: str
) -> None:
    """Files as they are, folders as a ZIP; the same report, and the same rows afterwards."""
    name = {"int": "int_dump", "ams": "ams_dump", "pgf": "pgf_database", "occ": "occ_folder"}
    source: Path = request.getfixturevalue(name[system])
    by_command = move(cast, system, source, dry=True, now=timezone.now())
    if system in ("pgf", "occ"):
        folder = source if source.is_dir() else source.parent
        upload(visitor, system, "old.zip", zipped(folder, tmp_path.parent / f"{system}.zip"))
    else:
        upload(visitor, system, source.name, source.read_bytes())
    found = work(cast)
    assert found.status == "checked", found.problem
    answer = visitor.get(url(LegacyMove, "report", found.pk, "json"))
    said = Report.from_json(json.loads(answer.content))
    assert_reconciled(said)
    assert said.as_json() == by_command.as_json()
    assert "<h1>" in visitor.get(url(LegacyMove, "report", found.pk, "html")).content.decode()
    commit(visitor, found)
    found = work(cast)
    assert found.status == "done", found.problem
    again = move(cast, system, source, dry=True, now=timezone.now())
    assert {t.name: (t.new, t.changed) for t in again.tables if t.new + t.changed} == {}


def test_the_report_speaks_the_language_of_who_uploaded(cast: Cast, visitor: Client) -> None:
    with translation.override("de"):
        visitor.cookies["django_language"] = "de"
        backup(visitor)
    found = work(cast)
    page = page_of(visitor, found)
    assert "Jede Zeile ist nachgewiesen. Noch wurde nichts gespeichert." in page
    assert "Tabellen des älteren Systems" in page


def test_a_term_that_is_chosen_has_all_registers(cast: Cast, visitor: Client) -> None:
    upload(visitor, "sis", "a.json", json.dumps(BACKUP).encode(), term=cast.course.term_id)
    assert latest(cast).term_id == cast.course.term_id
    assert work(cast).status == "checked"


def test_a_worker_that_was_lost_reads_again(cast: Cast, visitor: Client) -> None:
    """Nothing of the first try is saved, and the stored file is read anew."""
    backup(visitor)
    commit(visitor, work(cast))
    with campus_scope(cast.campus):
        silent = timezone.now() - 2 * SILENT
        Job.objects.filter(pk=latest(cast).job_id).update(
            status="running", attempts=1, started_at=silent, heartbeat_at=silent
        )
    requeue_jobs()
    execute_job(cast.campus.pk, latest(cast).job_id)
    assert latest(cast).status == "done"
    assert known(cast)


# --- Who may -------------------------------------------------------------------------------------


def test_the_office_looks_and_only_administrators_of_the_platform_act(
    cast: Cast, visitor: Client
) -> None:
    backup(visitor)
    found = work(cast)
    looks = [
        url(LegacyMove, "changelist"),
        url(LegacyMove, "change", found.pk),
        url(LegacyMove, "progress", found.pk),
        url(LegacyMove, "report", found.pk, "json"),
    ]
    acts = [url(LegacyMove, act, found.pk) for act in ("commit", "check", "cancel")]
    for user in (cast.admin, cast.operator, cast.principal):
        client = client_of(cast, user)
        assert [client.get(page).status_code for page in looks] == [200] * 4
        page = page_of(client, found)
        assert "Ada" in page
        assert "Move it in" not in page
        assert [client.post(page).status_code for page in acts] == [403] * 3, user.email
        assert client.get(url(LegacyMove, "add")).status_code == 403
        assert upload(client, "sis", "a.json", b"{}").status_code == 403
    assert "Move it in" in page_of(visitor, found)
    assert [visitor.get(page).status_code for page in acts] == [403] * 3
    lecturer = client_of(cast, cast.lecturer.user)
    assert not [page for page in looks if lecturer.get(page).status_code == 200]


def test_the_services_refuse_everybody_else(cast: Cast, root: Any) -> None:
    found = direct(cast, root)
    options: dict[str, Any] = {"now": timezone.now(), "actor": SYSTEM}
    with pytest.raises(Forbidden):
        direct(cast, cast.admin)
    for user_id in (cast.admin.pk, cast.operator.pk, None):
        with campus_scope(cast.campus):
            with pytest.raises(Forbidden):
                move_check(move=found, user_id=user_id, **options)
            with pytest.raises(Forbidden):
                move_commit(move=found, check=found.job_id, user_id=user_id, **options)
            with pytest.raises(Forbidden):
                move_cancel(move=found, user_id=user_id, **options)


def test_a_job_of_somebody_without_the_right_saves_nothing(cast: Cast, visitor: Client) -> None:
    """Rights are asked again when a worker begins: they may be lost meanwhile."""
    backup(visitor)
    commit(visitor, work(cast))
    with campus_scope(cast.campus):
        Job.objects.filter(pk=latest(cast).job_id).update(created_by=cast.admin)
    found = work(cast)
    assert (found.status, "Only administrators" in found.problem) == ("failed", True)
    assert not known(cast)


# --- One at a time, and the very same file -------------------------------------------------------


def test_a_second_one_at_a_time_is_refused(cast: Cast, visitor: Client, root: Any) -> None:
    backup(visitor)
    answer = upload(visitor, "sis", "b.json", b"{}")
    page = visitor.get(answer.url).content.decode()
    assert "Another older system is being moved in." in page
    with campus_scope(cast.campus):
        assert LegacyMove.objects.count() == 1
        with pytest.raises(IntegrityError), transaction.atomic():
            LegacyMove.objects.create(
                system="sis", filename="x", size=1, pieces=1, created_at=timezone.now()
            )
    assert work(cast).status == "checked"
    backup(visitor)
    first, second = _moves(cast)
    with campus_scope(cast.campus), pytest.raises(Refused, match="Another older system"):
        move_commit(
            move=first, check=first.job_id, user_id=root.pk, now=timezone.now(), actor=SYSTEM
        )
    assert (first.pk, second.status) == (first.pk, "checking")


def _moves(cast: Cast) -> list[LegacyMove]:
    with campus_scope(cast.campus):
        return list(LegacyMove.objects.order_by("pk"))


def test_a_check_that_somebody_repeated_is_looked_at_first(cast: Cast, visitor: Client) -> None:
    backup(visitor)
    seen = work(cast)
    visitor.post(url(LegacyMove, "check", seen.pk))
    again = work(cast)
    assert (again.status, again.job_id == seen.job_id) == ("checked", False)
    commit(visitor, seen)
    for check in ("", "nonsense", str(uuid4())):
        visitor.post(url(LegacyMove, "commit", seen.pk), {"check": check})
    assert latest(cast).status == "checked"
    commit(visitor, again)
    assert work(cast).status == "done"
    commit(visitor, latest(cast))
    visitor.post(url(LegacyMove, "check", seen.pk))
    assert latest(cast).status == "done"


def test_a_stored_file_that_is_another_one_is_not_saved(
    cast: Cast, visitor: Client, root: Any
) -> None:
    """Every piece is sealed; should somebody put another sealed upload in its place, the SHA-256
    tells."""
    backup(visitor)
    first = work(cast)
    other = direct(cast, root, parts=[b'{"students": []}'])
    with campus_scope(cast.campus):
        LegacyMove.objects.filter(pk=other.pk).update(status="failed")
        LegacyMove.objects.filter(pk=first.pk).update(stored_as=other.stored_as)
    commit(visitor, first)
    work(cast)
    found = _moves(cast)[0]
    assert (found.status, "not the one that was uploaded" in found.problem) == ("failed", True)
    assert not known(cast)


def test_one_that_is_stopped_saves_nothing_and_makes_room(cast: Cast, visitor: Client) -> None:
    backup(visitor)
    found = latest(cast)
    visitor.post(url(LegacyMove, "cancel", found.pk))
    assert "Stopped. Nothing was saved." in page_of(visitor, found)
    backup(visitor)
    first, second = _moves(cast)
    assert (first.status, second.status) == ("failed", "checking")
    visitor.post(url(LegacyMove, "cancel", first.pk))  # has ended already
    assert work(cast).status == "checked"


def test_a_running_one_notices_that_it_was_asked_to_stop(
    cast: Cast, visitor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup(visitor)

    def asked(self: LifeSigns) -> None:
        raise Cancelled

    monkeypatch.setattr(LifeSigns, "check", asked)
    found = work(cast)
    assert found.job is not None
    assert found.job.status == "cancelled"
    assert not known(cast)


def test_an_unexplained_difference_saves_nothing(
    cast: Cast, visitor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup(visitor)
    found = work(cast)

    def forgetful(run: Run) -> None:
        sis.move(run)
        run.report.tables[0].read += 1

    old = OldSystem(name="sis", tables=sis.TABLES, tells=sis.TELLS, move=forgetful)
    monkeypatch.setitem(SYSTEMS, "sis", old)
    commit(visitor, found)
    found = work(cast)
    assert (found.status, "1 difference is unexplained" in found.problem) == ("failed", True)
    assert not known(cast)
    assert "unexplained" in page_of(visitor, found)


def test_what_goes_wrong_on_our_side_is_said_and_makes_room(
    cast: Cast, visitor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_run: Run) -> None:
        raise RuntimeError

    old = OldSystem(name="sis", tables=sis.TABLES, tells=sis.TELLS, move=broken)
    monkeypatch.setitem(SYSTEMS, "sis", old)
    backup(visitor)
    found = work(cast)
    assert (found.status, "nothing was changed" in found.problem) == ("failed", True)
    assert backup(visitor).status_code == 302


# --- What is no source ---------------------------------------------------------------------------


def archive_of(path: Path, fill: Callable[[zipfile.ZipFile], object]) -> bytes:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        fill(archive)
    return path.read_bytes()


def linked(archive: zipfile.ZipFile) -> None:
    link = zipfile.ZipInfo("photos/link.jpg")
    link.external_attr = 0o120777 << 16
    archive.writestr(link, "/etc/passwd")


HOSTILE: dict[str, tuple[Callable[[zipfile.ZipFile], object], str]] = {
    "up": (lambda a: a.writestr("../../escaped.json", "{}"), "leads out of its folder"),
    "back": (lambda a: a.writestr("..\\escaped.json", "{}"), "leads out of its folder"),
    "root": (lambda a: a.writestr("/etc/escaped.json", "{}"), "leads out of its folder"),
    "drive": (lambda a: a.writestr("C:\\escaped.json", "{}"), "leads out of its folder"),
    "deep": (lambda a: a.writestr("a/" * 30 + "b", "{}"), "leads out of its folder"),
    "link": (linked, "link or a device"),
    "bomb": (lambda a: a.writestr("a.sql", b"\0" * (65 * 2**20)), "more than 1 GB"),
    "empty": (lambda a: None, "0 databases"),
    "two": (
        lambda a: (a.writestr("a.db", b"x"), a.writestr("b.db", b"x")),
        "2 databases; name the one",
    ),
    "long": (lambda a: a.writestr("x" * 300 + ".sql", b"x"), "damaged"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_archives_that_would_do_harm_are_refused_in_words(
    cast: Cast, visitor: Client, tmp_path: Path, name: str
) -> None:
    fill, said = HOSTILE[name]
    upload(visitor, "sis", "old.zip", archive_of(tmp_path / "a.zip", fill))
    found = work(cast)
    assert (found.status, said in found.problem) == ("failed", True), found.problem
    assert not list(tmp_path.parent.rglob("escaped.json"))
    assert found.problem in page_of(visitor, found).replace("&quot;", '"')


def test_archives_that_are_damaged_encrypted_or_lie_are_refused(
    cast: Cast, visitor: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = archive_of(
        tmp_path / "a.zip", lambda a: a.writestr("backup.json", json.dumps(BACKUP) * 50)
    )
    encrypted = bytearray(whole)
    encrypted[6] |= 1  # of the member
    directory = bytes(encrypted).index(b"PK\x01\x02")
    encrypted[directory + 8] |= 1  # and of the directory
    lying = bytearray(whole)  # says that it unpacks to nothing much
    lying[directory + 24 : directory + 28] = (10).to_bytes(4, "little")
    broken = bytearray(whole)
    broken[60:70] = b"\xff" * 10
    cases = {
        "is protected by a password": bytes(encrypted),
        "damaged": whole[: len(whole) // 2],
        "damaged, or no ZIP": bytes(broken),
    }
    for said, data in cases.items():
        upload(visitor, "sis", "old.zip", data)
        found = work(cast)
        assert (found.status, said in found.problem) == ("failed", True), (said, found.problem)
    upload(visitor, "sis", "old.zip", bytes(lying))
    assert work(cast).status == "failed"
    monkeypatch.setattr("apps.old_databases.archives.MAX_MEMBERS", 1)
    many = archive_of(tmp_path / "b.zip", lambda a: [a.writestr(str(n), b"") for n in range(2)])
    upload(visitor, "sis", "old.zip", many)
    assert "more than 1 files" in work(cast).problem


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("noise.bin", b"\0\1\2" * 100, "neither a database, a dump nor JSON"),
        ("cut.db", b"SQLite format 3\0" + b"\0" * 50, "cannot be read"),
        ("other.json", b'{"buses": [{"a": 1}]}', "no source of sis"),
        ("deep.json", b"[" * 100_000, "not JSON"),
        ("cut.dump", b"PGDMP\1\16\0\4\10\3", "pg_restore cannot read"),
    ],
)
def test_what_is_no_source_fails_with_words(
    cast: Cast, visitor: Client, name: str, data: bytes, said: str
) -> None:
    upload(visitor, "sis", name, data)
    found = work(cast)
    assert (found.status, said in found.problem) == ("failed", True), found.problem


def test_files_that_are_empty_or_too_large_leave_nothing(
    cast: Cast, visitor: Client, root: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "The submitted file is empty." in upload(visitor, "sis", "a", b"").content.decode()
    with pytest.raises(Invalid, match="nothing in this file"):
        direct(cast, root, parts=[])
    with pytest.raises(Invalid, match="no such system"):
        direct(cast, root, system="oracle")
    before = stored_files()
    monkeypatch.setattr(legacy_files, "PIECE", 1000)
    monkeypatch.setattr(legacy_files, "MAX_BYTES", 2500)
    with pytest.raises(Invalid, match="of up to 0 MB can be uploaded"):
        direct(cast, root, parts=[b"x" * 700] * 4)
    assert stored_files() == before
    monkeypatch.setattr("apps.legacy.forms.MAX_BYTES", 10)
    page = upload(visitor, "sis", "a.json", b"x" * 11).content.decode()
    assert "Move in by the command." in page
    assert not _moves(cast)


@pytest.fixture(autouse=True)
def _others(monkeypatch: pytest.MonkeyPatch) -> None:
    """What other tests left in the storage."""
    monkeypatch.setattr("tests.legacy.test_moves.OTHERS", frozenset(all_files()))


OTHERS: frozenset[str] = frozenset()


def stored_files() -> set[str]:
    return all_files() - OTHERS


def all_files() -> set[str]:
    try:
        folders, _files = default_storage.listdir("legacy")
    except FileNotFoundError:
        return set()
    return {f"{f}/{name}" for f in folders for name in default_storage.listdir(f"legacy/{f}")[1]}


# --- What is kept --------------------------------------------------------------------------------


def test_uploads_lie_sealed_in_pieces(
    cast: Cast, root: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(legacy_files, "PIECE", 1000)
    schema = "CREATE TABLE student (id, name, age, class_name, section);"
    rows = [(n, f"Somebody Known {n}", 16, "10", "A") for n in range(300)]
    data = sqlite_file(tmp_path / "sis.db", schema, student=rows).read_bytes()
    found = direct(cast, root, parts=[data[:777], data[777:]], filename="sis.db")
    assert (found.pieces, found.size) == (-(-len(data) // 1000), len(data))
    before = stored_files()
    for name in before:
        with default_storage.open(f"legacy/{name}") as stream:
            assert b"Somebody" not in stream.read()
    work(cast)
    found = latest(cast)
    assert (found.status, found.result["new"]) == ("checked", 300)
    with campus_scope(cast.campus):
        keys = [file.key for file in sealed_files()["legacy-uploads"]()]
    assert {key.removeprefix("legacy/") for key in keys} == stored_files()


def test_uploads_and_reports_go_with_time(cast: Cast, visitor: Client) -> None:
    backup(visitor)
    found = work(cast)
    now = timezone.now()

    def purge(later: timedelta = timedelta()) -> int:
        with campus_scope(cast.campus):
            return moves_purge(now=now + later)

    assert purge() == 0
    assert purge(UPLOADS_KEPT + timedelta(minutes=1)) == 1
    found = latest(cast)
    assert (found.stored_as, bool(found.report_as)) == ("", True)
    assert "Upload it again." in page_of(visitor, found)
    commit(visitor, found)
    assert latest(cast).status == "checked"
    assert purge(REPORTS_KEPT + timedelta(minutes=1)) == 1
    answer = visitor.get(url(LegacyMove, "report", found.pk, "json"), follow=True)
    assert "There is no report, or it was deleted." in answer.content.decode()
    assert stored_files() == set()


def test_what_was_saved_loses_its_upload_the_same_night(cast: Cast, visitor: Client) -> None:
    backup(visitor)
    commit(visitor, work(cast))
    work(cast)
    with campus_scope(cast.campus):
        assert moves_purge(now=timezone.now()) == 1
    found = latest(cast)
    assert (found.stored_as, bool(found.report_as)) == ("", True)


def test_an_erasure_takes_every_upload_and_report(cast: Cast, visitor: Client) -> None:
    backup(visitor)
    work(cast)
    with campus_scope(cast.campus):
        gone = erase_moves(person=None, now=timezone.now(), actor=SYSTEM)  # type: ignore[arg-type]
        assert gone == {"legacy_files": 2}
        assert erase_moves(person=None, now=timezone.now(), actor=SYSTEM) == {}  # type: ignore[arg-type]
    assert stored_files() == set()


def test_a_report_survives_its_json(cast: Cast, int_dump: Path) -> None:
    report = move(cast, "int", int_dump, dry=True)
    assert any(c.differing for c in report.comparisons)
    assert Report.from_json(json.loads(json.dumps(report.as_json()))).as_json() == report.as_json()


@pytest.mark.django_db(transaction=True)
def test_a_long_move_says_that_it_lives_and_notices_that_it_was_stopped(
    cast: Cast, root: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From another thread and connection, while the move's own transaction is open."""
    monkeypatch.setattr("apps.legacy.services.signs.EVERY_SECONDS", 0.01)
    found = direct(cast, root)
    assert found.job is not None
    with campus_scope(cast.campus):
        Job.objects.filter(pk=found.job_id).update(status="running", cancel_requested=False)
    stopped = threading.Event()
    with LifeSigns(found.job.pk, cast.campus.pk) as signs:
        signs.at(2, 7, "students")

        def shown() -> tuple[int, int, str]:
            with campus_scope(cast.campus):
                return Job.objects.values_list("done", "total", "phase").get(pk=found.job_id)

        assert wait_until(lambda: shown() == (2, 7, "students"), timeout=20)
        with campus_scope(cast.campus):
            Job.objects.filter(pk=found.job_id).update(cancel_requested=True)

        def asked() -> bool:
            try:
                signs.check()
            except Cancelled:
                stopped.set()
            return stopped.is_set()

        assert wait_until(asked, timeout=20)
