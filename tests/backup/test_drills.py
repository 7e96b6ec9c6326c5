"""Drills with real servers: what is lost, and what comes back."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pytest_django.fixtures import Settings

from apps.backup.errors import NothingToBuildOn
from apps.backup.making import backup_make, ship_log, ship_objects
from apps.backup.manifests import DUMP, FULL, INCREMENTAL
from apps.backup.restoring import (
    Restored,
    choose,
    proof,
    restore_into_database,
    restore_into_var,
)
from apps.backup.targets import BucketTarget, Destination, FolderTarget
from apps.backup.verifying import backup_verify
from apps.backup.wal import waiting_segments
from apps.processes.spawning import wait_until
from tests.backup.support import FAST, Installation
from tests.ops.running import DEADLINE, running
from tests.s3_server import KEYS, s3_server

pytestmark = pytest.mark.slow

Make = Callable[[str], Installation]


@pytest.fixture
def target(tmp_path: Path) -> FolderTarget:
    return FolderTarget(tmp_path / "backups")


def clock() -> datetime:
    return datetime.now(UTC)


def restored(target: Destination, var: Path, *, moment: datetime | str | None = None) -> Restored:
    return restore_into_var(
        target=target,
        wanted=choose(target, backup="latest", moment=moment),
        var=var,
        replace=False,
        now=clock(),
        options=FAST,
    )


def codes_of(installation: Installation, prefix: str) -> list[str]:
    statement = f"SELECT code FROM accounts_student WHERE code LIKE '{prefix}%' ORDER BY code"
    return [code for (code,) in installation.execute(statement)]


def test_everything_comes_back_on_another_machine(
    filled: Installation, another: Make, tmp_path: Path
) -> None:
    place = str(tmp_path / "backups")
    first = filled.managed("backup", "--to", place, "--full")
    assert "-full: " in first
    filled.scene("add", "Blue")
    second = filled.managed("backup", "--to", place)
    assert "-incremental: " in second
    contents, files = filled.contents(), filled.files()
    assert contents["accounts_student"].rows == 9
    assert len(files) == 7

    new = another("machine")
    said = new.managed("restore", "latest", "--from", place)
    assert f"{sum(content.rows for content in contents.values())} rows" in said
    new.start()
    assert new.contents() == contents
    assert new.files() == files
    new.managed("migrate", "--verbosity=0")
    assert new.scene("look") == {"images": 7, "signed_in": True}


def test_a_register_as_it_was_between_two_marks(
    here: Installation, another: Make, target: FolderTarget
) -> None:
    backup_make(target=target, kind=FULL, now=clock())
    times = here.scene("mark")
    assert ship_everything(here, target) >= 1

    new = another("machine")
    outcome = restored(target, new.var, moment=datetime.fromisoformat(times["between"]))
    assert outcome.wrong == []
    new.start()
    marks = "SELECT count(*) FROM attendance_attendancerecord WHERE status = 'present'"
    assert here.execute(marks) == [(2,)]
    assert new.execute(marks) == [(1,)]
    # Every photo that the register of then knows is there.
    keys = {key for (key,) in new.execute("SELECT key FROM biometrics_storedimage")}
    assert keys <= new.files().keys()
    # It began a timeline of its own: what it archives cannot stand for the lost machine's.
    assert new.execute("SELECT timeline_id FROM pg_control_checkpoint()") == [(2,)]

    latest = another("latest")
    restored(target, latest.var, moment="latest")
    latest.start()
    assert latest.contents() == here.contents()
    assert latest.files() == here.files()


def ship_everything(here: Installation, target: Destination) -> int:
    """The segment that is being written too."""
    ((segment,),) = here.execute("SELECT pg_walfile_name(pg_switch_wal())")
    spool = here.layout.wal_spool
    arrived = wait_until(
        lambda: segment in {path.name for path in waiting_segments(spool)}, timeout=DEADLINE
    )
    assert arrived
    shipped = ship_log(target=target)
    ship_objects(target=target, now=clock())
    assert waiting_segments(spool) == []
    return shipped


def test_a_backup_during_writes_holds_what_was_committed_before_it(
    here: Installation, another: Make, target: FolderTarget, tmp_path: Path
) -> None:
    arguments = ("-m", "tests.backup.scenes", "write", "6")
    with running(*arguments, log=tmp_path / "log", env=here.environment()) as script:
        script.wait_for("writing")
        assert wait_until(lambda: len(codes_of(here, "W")) >= 3, timeout=DEADLINE)
        before = codes_of(here, "W")
        backup_make(target=target, kind=FULL, now=clock())
        after = codes_of(here, "W")
        script.finish()
        written = json.loads(script.lines[-1])["codes"]
    new = another("machine")
    assert restored(target, new.var).wrong == []
    new.start()
    found = codes_of(new, "W")
    assert len(before) <= len(found) <= len(after)
    assert found == written[: len(found)]
    users = "SELECT count(*) FROM accounts_user WHERE email LIKE 'w0%@south.example'"
    assert new.execute(users) == [(len(found),)]  # no student without the account made with it


def test_where_the_server_cannot_say_what_changed_everything_is_copied(
    here: Installation, target: FolderTarget
) -> None:
    """So it is after a restore: the summaries of the log stayed on the lost machine."""
    now = clock()
    backup_make(target=target, kind=FULL, now=now - timedelta(days=2))
    assert backup_make(target=target, kind=None, now=now - timedelta(days=1)).kind == INCREMENTAL
    ((reached,),) = here.execute("SELECT pg_switch_wal()")
    here.execute("CHECKPOINT")
    known = f"SELECT max(end_lsn) >= '{reached}' FROM pg_available_wal_summaries()"
    assert wait_until(lambda: here.execute(known) == [(True,)], timeout=DEADLINE)
    for summary in (here.layout.postgres_data / "pg_wal" / "summaries").iterdir():
        summary.unlink()
    with pytest.raises(NothingToBuildOn):
        backup_make(target=target, kind=INCREMENTAL, now=now)
    assert backup_make(target=target, kind=None, now=now).kind == FULL


@pytest.fixture
def dump_role(here: Installation, settings: Settings) -> Iterator[str]:
    """Sees every row, and may not copy files: what most hosted servers give."""
    here.execute("CREATE ROLE keeper LOGIN BYPASSRLS IN ROLE pg_read_all_data")
    here.execute("GRANT CONNECT ON DATABASE campus TO keeper")
    settings.BACKUP_DATABASE_URL = here.layout.superuser_url.replace("postgres@", "keeper@")
    yield "keeper"
    here.execute("DROP OWNED BY keeper")
    here.execute("DROP ROLE keeper")


@pytest.mark.usefixtures("dump_role")
def test_without_access_to_the_files_a_counted_dump_is_made(
    here: Installation, another: Make, target: FolderTarget, tmp_path: Path
) -> None:
    made = backup_make(target=target, kind=None, now=clock())
    assert made.kind == DUMP
    contents = here.contents()
    assert made.rows == sum(content.rows for content in contents.values())

    new = another("machine")
    assert restored(target, new.var).wrong == []
    new.start()
    assert new.contents() == contents
    assert new.files() == here.files()

    # The same into an empty database of a server that runs; a second time is refused.
    new.execute("CREATE DATABASE empty OWNER campus_owner TEMPLATE template0")
    url = new.layout.superuser_url.rpartition("/")[0] + "/empty"
    wanted = choose(target, backup=made.id, moment=None)
    outcome = restore_into_database(target=target, wanted=wanted, url=url, work=tmp_path)
    assert outcome.wrong == []
    assert outcome.rows == made.rows


def test_a_trial_restore_finds_rows_that_are_not_as_they_were(
    here: Installation, target: FolderTarget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup_make(target=target, kind=FULL, now=clock())
    wanted = choose(target, backup="latest", moment=None)
    assert proof(target=target, wanted=wanted, work=tmp_path, options=FAST) == []
    from apps.backup import restoring

    def changed(connection: psycopg.Connection[Any]) -> Any:
        with connection.transaction():
            connection.execute("SET LOCAL session_replication_role = replica")
            connection.execute("DELETE FROM accounts_student WHERE code = 'STUD'")
        return read(connection)

    read = restoring.contents_of
    monkeypatch.setattr(restoring, "contents_of", changed)
    (wrong,) = proof(target=target, wanted=wanted, work=tmp_path, options=FAST)
    assert wrong.startswith("accounts_student: ")


@pytest.fixture
def bucket(here: Installation, settings: Settings, tmp_path: Path) -> Iterator[BucketTarget]:
    """S3 for the backups and for the images, in two buckets."""
    with s3_server(tmp_path) as address:
        account = {"aws_access_key_id": KEYS["access_key"]}
        account["aws_secret_access_key"] = KEYS["secret_key"]
        settings.BACKUP_S3 = {"endpoint_url": address, "region_name": "us-east-1", **account}
        target = BucketTarget("backups", "campus")

        def create() -> bool:
            try:
                target._bucket.create()
            except Exception as error:  # not up yet, in boto3's many ways
                return "BucketAlready" in str(error)
            return True

        assert wait_until(create, timeout=60), "the S3 server did not start"
        yield target


def test_backups_in_a_bucket_of_s3(here: Installation, another: Make, bucket: BucketTarget) -> None:
    made = backup_make(target=bucket, kind=FULL, now=clock() - timedelta(days=1))
    second = backup_make(target=bucket, kind=INCREMENTAL, now=clock())
    checked = backup_verify(target=bucket, manifest=second)
    assert checked.wrong == []
    assert (checked.backups, checked.objects) == (2, len(here.files()))
    new = another("machine")
    assert restored(bucket, new.var).wrong == []
    new.start()
    assert new.contents() == here.contents()
    assert new.files() == here.files()

    bucket.delete(f"backups/{made.id}/base.tar.gz")
    assert backup_verify(target=bucket, manifest=second, quick=True).wrong == [
        f"backups/{made.id}/base.tar.gz is missing."
    ]
