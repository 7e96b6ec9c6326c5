"""A campus moves from one installation to another, each with real servers and its own keys."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from apps.backup.targets import FolderTarget
from apps.moving.archive import lock_of, open_archive
from apps.processes.spawning import wait_until
from tests.backup.support import Installation
from tests.ops.running import DEADLINE, ROOT, running

pytestmark = pytest.mark.slow

PHRASE = "correct horse battery staple"
SCENES = "tests.moving.scenes"
NEW_NAMES = ("--slug", "east", "--host", "east.example")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("moving")
    (folder / "phrase").write_text(PHRASE + "\n")
    return folder


@pytest.fixture(scope="module")
def home(folder: Path) -> Iterator[Installation]:
    """Where the campus is."""
    installation = Installation(folder / "home").migrated().start()
    installation.scene("fill", of=SCENES)
    yield installation
    installation.stop()


@pytest.fixture(scope="module")
def elsewhere(folder: Path, home: Installation) -> Iterator[Installation]:
    """Another installation, with other keys, where a classmate is known already."""
    place = folder / "elsewhere"
    installation = Installation(place, settings="tests.moving.settings_elsewhere")
    installation.migrated().start()
    installation.execute("DELETE FROM tenants_masterkey")
    installation.managed("migrate", "--verbosity=0")
    installation.scene("meet", "mate@north.example", of=SCENES)
    yield installation
    installation.stop()


@pytest.fixture(scope="module")
def archive(folder: Path, home: Installation) -> Path:
    path = folder / "north.campus"
    said = home.managed("export_campus", "north", "--to", str(path), *phrase(folder))
    assert "5 files" in said
    assert "rows of search_entry" in said
    return path


def phrase(folder: Path) -> tuple[str, str]:
    return "--passphrase-file", str(folder / "phrase")


def refused(installation: Installation, archive: Path, *arguments: str, because: str) -> None:
    """The import fails with these words, and nothing of the campus is there."""
    before, files = installation.contents(), installation.files()
    done = installation.manage("import_campus", str(archive), "--commit", *arguments)
    assert done.returncode != 0
    assert because in done.stderr
    assert "Traceback" not in done.stderr
    assert installation.contents() == before
    assert installation.files() == files


def test_killed_in_the_middle_nothing_is_there_and_the_next_run_takes_it_in(
    home: Installation, elsewhere: Installation, archive: Path, folder: Path, tmp_path: Path
) -> None:
    """Everything that the campus had is there and opens, under the keys of this installation."""
    before = elsewhere.contents()
    url = elsewhere.layout.superuser_url.rpartition("/")[0] + "/campus"
    command = ("manage.py", "import_campus", str(archive), "--commit", *phrase(folder))
    with psycopg.connect(url) as blocking:
        blocking.execute("LOCK TABLE enrollments_enrollment IN ACCESS EXCLUSIVE MODE")
        with running(*command, log=tmp_path / "log", env=elsewhere.environment()) as script:
            waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            assert wait_until(lambda: elsewhere.execute(waits) != [(0,)], timeout=DEADLINE * 2)
            script.process.kill()
            script.process.wait()
    assert elsewhere.contents() == before
    left = elsewhere.files()
    assert len(left) == 5  # objects come first; the next run of the same archive takes them

    dry = elsewhere.managed("import_campus", str(archive), "--dry-run", *phrase(folder))
    assert "Could be imported: north at north.example" in dry
    assert elsewhere.contents() == before
    said = elsewhere.managed("import_campus", str(archive), "--commit", *phrase(folder))
    assert "8 new accounts, 0 that were here, 1 whose owners have to agree" in said
    assert elsewhere.files() == left

    old = home.scene("look", "north", of=SCENES)
    new = elsewhere.scene("look", "north", of=SCENES)
    kept = ("sealed", "sessions", "head", "images", "qr", "model", "records", "sums")
    assert {name: new[name] for name in kept} == {name: old[name] for name in kept}
    assert new["campus_id"] != old["campus_id"]
    assert new["actions"] == [*old["actions"], "accounts.invitation.sent"]
    # Nobody of this installation is meant by numbers that it does not know.
    assert len([actor for actor in new["actors"] if actor.startswith("user:999999@")]) == 1
    # The person who was here already decides; nothing of their account was taken.
    assert ["MATE", None] in new["students"]
    assert [name for name in old["members"] if name not in new["members"]] == ["mate@north.example"]
    invited = "SELECT email, role, status FROM accounts_invitation"
    assert elsewhere.execute(invited) == [("mate@north.example", "student", "waiting")]
    own = "SELECT name FROM accounts_user WHERE email = 'mate@north.example'"
    assert elsewhere.execute(own) == [("Own Name",)]
    # Nothing is sent a second time, and nobody signs in with a password of the other place.
    open_ones = (
        "SELECT count(*) FROM notifications_delivery d JOIN accounts_user u ON u.id = d.user_id "
        "WHERE d.status = 'waiting' AND u.email LIKE 'stud@%'"
    )
    assert elsewhere.execute(open_ones) == [(0,)]
    usable = (
        "SELECT count(*) FROM accounts_user WHERE email LIKE '%@north.example' "
        "AND password NOT LIKE '!%' AND email NOT LIKE 'mate@%'"
    )
    assert elsewhere.execute(usable) == [(0,)]

    # It goes on: new rows get new numbers, the log its next entries.
    assert elsewhere.managed("verify_audit")
    refused(elsewhere, archive, *phrase(folder), because="is here already")


def test_what_is_not_as_it_was_exported_is_refused(
    elsewhere: Installation, archive: Path, folder: Path, tmp_path: Path
) -> None:
    whole = archive.read_bytes()
    other = tmp_path / "other.campus"
    secret = phrase(folder)
    other.write_bytes(whole[: len(whole) // 2])
    refused(elsewhere, other, *NEW_NAMES, *secret, because="was changed, cut off")
    wrong = tmp_path / "wrong"
    wrong.write_text("another passphrase than that\n")
    another = ("--passphrase-file", str(wrong))
    refused(elsewhere, archive, *NEW_NAMES, *another, because="another passphrase")
    refused(elsewhere, archive, "--slug", "west", *secret, because="A campus “west” is here")


def test_a_full_disk_leaves_nothing(elsewhere: Installation, archive: Path, folder: Path) -> None:
    before, files = elsewhere.contents(), elsewhere.files()
    small = (
        "import os, resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300)); "
        "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    )
    command = ("manage.py", "import_campus", str(archive), "--commit", *NEW_NAMES, *phrase(folder))
    done = subprocess.run(
        [sys.executable, "-c", small, *command],
        cwd=ROOT,
        env=elsewhere.environment(),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode != 0
    assert "cannot be written" in done.stderr
    assert "Nothing was imported" in done.stderr
    assert elsewhere.contents() == before
    assert elsewhere.files() == files


def test_nothing_of_it_lies_in_clear(archive: Path) -> None:
    data = archive.read_bytes()
    for word in (b"stud@north.example", b"STUD", b"code,name", b"\xff\xd8\xff"):
        assert word not in data
    assert archive.stat().st_mode & 0o077 == 0


def test_the_archive_is_of_one_moment_while_people_work(
    home: Installation, folder: Path, tmp_path: Path
) -> None:
    arguments = ("-m", "tests.backup.scenes", "write", "500")
    path = tmp_path / "south.campus"

    def written() -> int:
        statement = "SELECT count(*) FROM accounts_student WHERE code LIKE 'W%'"
        ((count,),) = home.execute(statement)
        return int(count)

    with running(*arguments, log=tmp_path / "log", env=home.environment()) as script:
        script.wait_for("writing")
        assert wait_until(lambda: written() > 2, timeout=DEADLINE)
        home.managed("export_campus", "south", "--to", str(path))
        after = written()
        assert wait_until(lambda: written() > after, timeout=DEADLINE)  # nobody had to wait
    found: dict[str, int] = {}
    lock = lock_of(None)
    with open_archive(FolderTarget(tmp_path), path.name, lock=lock) as records:
        codes: list[str] = []
        for record in records:
            if record.name == "tables/accounts_student":
                codes = [row["code"] for row in record.rows() if row["code"].startswith("W")]
            elif record.name in {"tables/accounts_membership", "accounts"}:
                found[record.name] = sum(1 for _row in record.rows())
    assert 2 < len(codes) <= after
    assert codes == [f"W{number:06d}" for number in range(len(codes))]
    assert found["tables/accounts_membership"] == found["accounts"] == 9 + len(codes)


def test_a_log_that_does_not_hold_moves_only_when_told_to(
    home: Installation, elsewhere: Installation, folder: Path, tmp_path: Path
) -> None:
    """What was changed there is found as changed here too."""
    path = str(tmp_path / "broken.campus")
    home.scene("break_log", of=SCENES)
    done = home.manage("export_campus", "north", "--to", path)
    assert done.returncode != 0
    assert "does not hold" in done.stderr
    assert not Path(path).exists()
    said = home.managed("export_campus", "north", "--to", path, "--broken-log", *phrase(folder))
    assert "Audit log: position" in said

    elsewhere.managed("remove_campus", "north", "--days", "0")
    elsewhere.managed("remove_campus", "north", "--finish")
    assert len(elsewhere.files()) == 0
    elsewhere.managed("import_campus", path, "--commit", *phrase(folder))
    done = elsewhere.manage("verify_audit", "--campus", "north")
    assert done.returncode != 0
    assert "was changed" in done.stdout + done.stderr


def test_readable_json_only_where_it_is_asked_for(home: Installation, tmp_path: Path) -> None:
    path = tmp_path / "backup_data.json"
    said = home.managed("export_campus", "north", "--plain-json", str(path))
    found = json.loads(path.read_text())
    assert {name: len(rows) for name, rows in found.items()} == {
        "students": 4,
        "teachers": 2,
        "users": 9,
    }
    assert said.startswith("4 students, 2 teachers, 9 users in ")
    assert path.read_text().startswith('{\n  "students": [\n')
    assert "password" not in path.read_text()
    assert path.stat().st_mode & 0o077 == 0
