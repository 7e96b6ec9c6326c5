"""How long backups are kept, when somebody is told, and the settings."""

import logging
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core import mail
from django.core.cache import cache
from pytest_django.fixtures import Settings

from apps.backup import tasks
from apps.backup.checks import backup_check
from apps.backup.errors import BackupFailed, OtherBackupKey
from apps.backup.keys import key_fingerprint
from apps.backup.making import ship_log
from apps.backup.manifests import (
    DUMP,
    FULL,
    INCREMENTAL,
    FileSet,
    Manifest,
    confirm_backup_key,
    write_manifest,
)
from apps.backup.objects import INDEX, POOL, StoredObject, copy_objects, write_changes, write_index
from apps.backup.retention import backups_expire
from apps.backup.targets import FolderTarget
from apps.backup.wal import ship_segments
from apps.backup.watching import backup_problems, tell
from apps.ops.bringup import needed_servers
from apps.ops.diagnosis import FAIL, OK, WARN, Found, Look, diagnose
from apps.processes.embedded import Layout
from apps.tenants.master_key import given_value
from tests.factories import make_user
from tests.ops.running import ROOT, environment

NOW = datetime(2026, 9, 14, 8, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def target(tmp_path: Path, settings: Settings) -> FolderTarget:
    settings.CAMPUS_VAR = tmp_path / "var"
    settings.BACKUP_TO = str(tmp_path / "backups")
    default = settings.STORAGES["default"]
    options = {**default["OPTIONS"], "location": tmp_path / "media"}
    settings.STORAGES = {**settings.STORAGES, "default": {**default, "OPTIONS": options}}
    return FolderTarget(tmp_path / "backups")


def noted(
    target: FolderTarget,
    at: datetime,
    *,
    kind: str = FULL,
    parent: Manifest | None = None,
    entries: dict[str, StoredObject] | None = None,
    segment: str = "",
) -> Manifest:
    """A backup whose database part plays no role."""
    backup_id = f"{at:%Y%m%dT%H%M%SZ}-{kind}"
    files = FileSet(target, backup_id)
    with files.create(INDEX) as writer:
        write_index(writer, entries or {})
    manifest = Manifest(
        id=backup_id,
        kind=kind,
        parent=parent.id if parent else None,
        started_at=at.isoformat(),
        finished_at=(at + timedelta(minutes=1)).isoformat(),
        campus_version="0.2.0",
        database="campus",
        postgres_major=18,
        master_key=given_value().hex(),
        backup_key=key_fingerprint(),
        tables=1,
        rows=1,
        objects=len(entries or {}),
        objects_size=0,
        system="7" if segment else "",
        segment=segment,
        files=files.files,
    )
    write_manifest(target, manifest)
    return manifest


def stored(name: str, data: bytes) -> None:
    from django.core.files.base import ContentFile
    from django.core.files.storage import default_storage

    default_storage.save(name, ContentFile(data))


def copied(
    target: FolderTarget, known: dict[str, StoredObject] | None = None
) -> dict[str, StoredObject]:
    from django.core.files.storage import default_storage

    return copy_objects(default_storage, target, known=known or {})


class TestExpiring:
    def test_a_chain_goes_as_a_whole_when_its_last_one_is_too_old(
        self, target: FolderTarget
    ) -> None:
        old = noted(target, NOW - 20 * DAY)
        old_next = noted(target, NOW - 15 * DAY, kind=INCREMENTAL, parent=old)
        young = noted(target, NOW - 13 * DAY)
        young_next = noted(target, NOW - 9 * DAY, kind=INCREMENTAL, parent=young)
        last = noted(target, NOW - 8 * DAY, kind=DUMP)
        gone = backups_expire(target=target, keep_days=10, now=NOW)
        assert gone.backups == [old.id, old_next.id]
        assert backups_expire(target=target, keep_days=10, now=NOW).backups == []
        gone = backups_expire(target=target, keep_days=1, now=NOW)
        assert gone.backups == [young.id, young_next.id]
        assert backups_expire(target=target, keep_days=0, now=NOW + 99 * DAY).backups == []
        assert {name.split("/")[1] for name in target.names("backups/")} == {last.id}

    def test_objects_and_segments_go_with_the_last_backup_that_needs_them(
        self, target: FolderTarget, tmp_path: Path
    ) -> None:
        stored("snapshots/a", b"first")
        stored("snapshots/b", b"second")
        first = copied(target)
        spool = tmp_path / "spool"
        spool.mkdir()
        names = [f"00000001000000000000000{number}" for number in (1, 2, 3)]
        for name in names:
            (spool / name).write_bytes(b"log")
        assert ship_segments(target, system="7", spool=spool) == 3
        noted(target, NOW - 20 * DAY, entries=first, segment=names[0])
        second = {"snapshots/a": first["snapshots/a"]}
        noted(target, NOW - 5 * DAY, entries=second, segment=names[2])
        stored("snapshots/c", b"third")
        write_changes(target, old=second, new=copied(target, first), now=NOW - 4 * DAY)

        assert len(target.names(POOL)) == 3
        gone = backups_expire(target=target, keep_days=10, now=NOW)
        # The note of four days ago still has b, which is in the storage.
        assert (len(gone.backups), gone.segments, gone.objects) == (1, 2, 0)
        third = noted(target, NOW - DAY, entries=second, segment=names[2])
        gone = backups_expire(target=target, keep_days=2, now=NOW)
        assert (gone.objects, len(target.names(POOL))) == (2, 1)
        assert {name.split("/")[1] for name in target.names("backups/")} == {third.id}

    def test_nothing_goes_while_a_backup_cannot_be_read(self, target: FolderTarget) -> None:
        noted(target, NOW - 20 * DAY)
        damaged = noted(target, NOW - 15 * DAY)
        noted(target, NOW)
        with target.create(f"backups/{damaged.id}/manifest.json") as file:
            file.write(b"{}")
        with pytest.raises(BackupFailed, match="Nothing was deleted"):
            backups_expire(target=target, keep_days=1, now=NOW)
        assert len({name.split("/")[1] for name in target.names("backups/")}) == 3

    def test_what_failed_backups_left_is_swept_and_one_in_the_making_is_not(
        self, target: FolderTarget
    ) -> None:
        noted(target, NOW)
        for at in (NOW - 3 * DAY, NOW - timedelta(hours=1)):
            with target.create(f"backups/{at:%Y%m%dT%H%M%SZ}-full/base.tar.gz") as file:
                file.write(b"half")
        backups_expire(target=target, keep_days=1, now=NOW)
        assert len({name.split("/")[1] for name in target.names("backups/")}) == 2


class TestObjects:
    def test_only_what_is_new_is_read(
        self, target: FolderTarget, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from apps.backup import objects

        stored("snapshots/a", b"first")
        known = copied(target)
        stored("reports/b", b"second")
        read: list[str] = []
        original = objects._read
        monkeypatch.setattr(
            objects, "_read", lambda storage, key: read.append(key) or original(storage, key)
        )
        assert copied(target, known).keys() == {"snapshots/a", "reports/b"}
        assert read == ["reports/b"]

    def test_the_same_content_is_kept_once_and_its_name_tells_nothing(
        self, target: FolderTarget
    ) -> None:
        import hashlib

        stored("snapshots/a", b"the same")
        stored("reports/b", b"the same")
        copied(target)
        (name,) = target.names(POOL)
        assert hashlib.sha256(b"the same").hexdigest() not in name


def test_two_servers_cannot_ship_the_same_segment(target: FolderTarget, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    segment = spool / "000000020000000000000003"
    for data in (b"one", b"one"):  # archived a second time after a crash
        segment.write_bytes(data)
        assert ship_segments(target, system="7", spool=spool) == 1
    segment.write_bytes(b"another")
    with pytest.raises(BackupFailed, match="another copy of it ships"):
        ship_segments(target, system="7", spool=spool)
    assert segment.exists()


def test_nothing_is_written_under_another_key_than_the_backups_that_are_there(
    target: FolderTarget, tmp_path: Path, settings: Settings
) -> None:
    """What a start with a wrong BACKUP_KEY shipped would be gone here and unreadable there."""
    noted(target, NOW)
    spool = Layout(Path(settings.CAMPUS_VAR)).wal_spool
    spool.mkdir(parents=True, exist_ok=True)
    segment = spool / "000000020000000000000009"
    segment.write_bytes(b"log")
    before = target.names("")
    right, settings.BACKUP_KEY = settings.BACKUP_KEY, bytes(reversed(range(32)))
    try:
        with pytest.raises(OtherBackupKey, match="Nothing was written"):
            ship_log(target=target)
        assert tasks.ship_log_segments() == 0
        with pytest.raises(OtherBackupKey, match="Nothing was written"):
            confirm_backup_key(target)
        assert segment.exists()
        assert target.names("") == before
    finally:
        segment.unlink()
    # One damaged or foreign backup among good ones stops nothing.
    foreign = noted(target, NOW + DAY)
    settings.BACKUP_KEY = right
    confirm_backup_key(target)
    with target.create(f"backups/{foreign.id}/manifest.json") as file:
        file.write(b"{}")
    confirm_backup_key(target)


@pytest.mark.django_db
class TestWatching:
    def test_a_backup_of_today_is_good(self, target: FolderTarget) -> None:
        noted(target, NOW)
        assert backup_problems(now=NOW + DAY) == []

    def test_one_older_than_a_day_is_told_once_a_day(
        self, target: FolderTarget, caplog: pytest.LogCaptureFixture
    ) -> None:
        make_user("root@platform.example", is_superuser=True)
        made = noted(target, NOW)
        problems = backup_problems(now=NOW + timedelta(hours=27))
        assert problems == [f"The last good backup ({made.id}) is 27 hours old."]
        with caplog.at_level(logging.ERROR):
            tell(problems)
            tell(problems)
        (message,) = mail.outbox
        assert message.to == ["root@platform.example"]
        assert made.id in message.body
        assert len(caplog.records) == 2

    def test_none_and_damaged_ones_and_a_place_that_is_away(
        self, target: FolderTarget, settings: Settings
    ) -> None:
        assert backup_problems(now=NOW) == ["There is no good backup."]
        made = noted(target, NOW)
        write_manifest(target, replace(made, id=made.id, backup_key="AAAA"))
        assert len(backup_problems(now=NOW)) == 2
        settings.BACKUP_TO = "ftp://nowhere"
        assert "neither a folder" in backup_problems(now=NOW)[0]

    def test_check_deploy_says_so(self, target: FolderTarget, settings: Settings) -> None:
        (found,) = backup_check()
        assert found.id == "backup.E001"
        settings.BACKUP_TO = ""
        (found,) = backup_check()
        assert found.id == "backup.W001"

    def test_a_nightly_backup_that_fails_is_told(
        self, target: FolderTarget, settings: Settings
    ) -> None:
        settings.BACKUP_MAIL = ["board@north.example"]
        settings.BACKUP_DATABASE_URL = ""
        assert tasks.make_backup() == ""
        assert mail.outbox[0].to == ["board@north.example"]
        assert "BACKUP_DATABASE_URL is not set" in mail.outbox[0].body

    def test_whatever_goes_wrong_is_told(
        self, target: FolderTarget, monkeypatch: pytest.MonkeyPatch, settings: Settings
    ) -> None:
        settings.BACKUP_MAIL = ["board@north.example"]

        def crash(**_: object) -> None:
            raise ConnectionResetError("the server went away")

        monkeypatch.setattr(tasks, "backup_make", crash)
        assert tasks.make_backup() == ""
        assert "the server went away" in mail.outbox[0].body
        assert [one.text for one in on_the_page()] == ["the server went away"]

    def test_the_page_shows_what_a_worker_noted_and_reads_no_backup(
        self, target: FolderTarget, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A web server may reach neither the place nor the keys."""
        cache.clear()
        [unknown] = on_the_page()
        assert (unknown.level, "No worker has looked" in unknown.text) == (WARN, True)
        monkeypatch.setattr(tasks.timezone, "now", lambda: NOW + DAY)
        noted(target, NOW)
        assert tasks.watch_backups() == 0
        settings.BACKUP_TO = ""
        monkeypatch.setattr("apps.backup.manifests.read_manifest", None)
        assert [one.level for one in on_the_page()] == [OK]
        settings.BACKUP_TO = "ftp://nowhere"
        assert tasks.watch_backups() == 1
        [away] = on_the_page()
        assert (away.level, "neither a folder" in away.text) == (FAIL, True)


def on_the_page() -> list[Found]:
    return diagnose(Look(now=NOW), names=["backups"], quick=True)


class TestSettings:
    @pytest.fixture
    def production(self) -> dict[str, str]:
        return environment(
            DJANGO_SETTINGS_MODULE="campus.settings.production",
            SECRET_KEY="".join(chr(65 + number % 57) for number in range(60)),
            CAMPUS_MASTER_KEY=bytes(range(32)).hex(),
            ALLOWED_HOSTS="north.example",
            DATABASE_URL="postgresql://app@127.0.0.1:1/campus",
            REDIS_URL="redis://127.0.0.1:1/0",
            BACKUP_TO="/backups",
        )

    def start(self, env: dict[str, str]) -> "subprocess.CompletedProcess[str]":
        code = "from django.conf import settings; print(sorted(settings.CELERY_BEAT_SCHEDULE))"
        return subprocess.run(
            [sys.executable, "-c", code],
            env=env,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )

    @pytest.mark.parametrize(
        ("key", "said"),
        [
            ("", "BACKUP_TO is set without BACKUP_KEY"),
            ("12", "must be 64 hexadecimal digits"),
            (bytes(range(32)).hex(), "must be another key"),
        ],
    )
    def test_production_refuses(self, production: dict[str, str], key: str, said: str) -> None:
        done = self.start({**production, "BACKUP_KEY": key})
        assert done.returncode != 0
        assert said in done.stderr

    @pytest.mark.parametrize(
        "name", ["CAMPUS_MASTER_KEY", "CAMPUS_OLD_MASTER_KEY", "AUDIT_SIGNING_KEY", "BACKUP_KEY"]
    )
    @pytest.mark.parametrize("value", ["12", "zz" * 32, bytes(range(32)).hex()[:-1], "ab" * 33])
    def test_a_key_that_is_none_is_refused_by_name(
        self, production: dict[str, str], name: str, value: str
    ) -> None:
        done = self.start({**production, "BACKUP_TO": "", name: value})
        assert done.returncode != 0
        said = done.stderr.splitlines()[-1]
        assert said.endswith(f"ImproperlyConfigured: {name} must be 64 hexadecimal digits.")

    def test_backups_are_scheduled_where_they_have_a_place(
        self, production: dict[str, str]
    ) -> None:
        done = self.start({**production, "BACKUP_KEY": bytes(range(32, 64)).hex()})
        assert "'backup-daily'" in done.stdout
        assert "'backup-weekly'" in done.stdout
        done = self.start({**production, "BACKUP_TO": ""})
        assert "backup-daily" not in done.stdout


def test_up_archives_the_log_only_where_backups_have_a_place(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody would take it away otherwise, and the disk would fill up."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    settings.CAMPUS_VAR = tmp_path / "it's 50 % here"
    settings.BACKUP_TO = ""
    assert "archive_mode" not in needed_servers().servers[0].options
    settings.BACKUP_TO = str(tmp_path / "backups")
    options = needed_servers().servers[0].options
    assert options["archive_mode"] == "on"
    # As PostgreSQL runs it: %p and %f replaced, %% a per cent sign.
    segment = tmp_path / "segment"
    segment.write_bytes(b"log")
    command = options["archive_command"].replace("%p", str(segment)).replace("%f", "0" * 24)
    subprocess.run(["sh", "-c", command.replace("%%", "%")], check=True)
    spool = settings.CAMPUS_VAR / "wal"
    assert [path.name for path in spool.iterdir()] == ["0" * 24]
    assert (spool / ("0" * 24)).read_bytes() == b"log"
