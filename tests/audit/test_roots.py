"""Signed daily roots, where they are written, and checking an export with nothing but them."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import connections, transaction
from moto import mock_aws

from apps.audit.digests import START, next_digest
from apps.audit.models import Entry, Root, RootCopy
from apps.audit.offline import UnreadableExport, roots_in, verify_export
from apps.audit.services import (
    SYSTEM,
    export_log,
    log_event,
    log_platform_event,
    put_aside,
    root_make,
    roots_make_and_write,
    seal_pending,
)
from apps.audit.services.roots import public_key
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope, platform_scope
from campus.settings.images import s3_storage
from tests.factories import make_campus

ROOT = Path(__file__).resolve().parents[2]
DAY = timedelta(days=1)
pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])


def work(campus: Campus, now: datetime, number: int) -> None:
    with campus_scope(campus):
        for n in range(number):
            log_event(actor=SYSTEM, action=f"test.{n}", now=now, data={"n": n, "é": "ü", "f": 0.5})
        seal_pending(now=now)


@pytest.fixture
def campus(now: datetime) -> Campus:
    """Three days: two, three and one entries, with a root each, and two more since."""
    campus = make_campus("north")
    for day, number in enumerate((2, 3, 1)):
        work(campus, now + day * DAY, number)
        root_make(campus=campus, now=now + day * DAY)
    work(campus, now + 3 * DAY, 2)
    return campus


def roots() -> list[Root]:
    with platform_scope():
        return list(Root.objects.order_by("day"))


def exported(campus: Campus, path: Path, now: datetime) -> Path:
    path.write_text("".join(export_log(campus=campus, now=now)))
    return path


def kept_roots(folder: Path, settings: Any, now: datetime) -> Path:
    """The roots as an operator keeps them elsewhere."""
    settings.AUDIT_ROOTS_DIR = str(folder)
    call_command("audit_roots", stdout=StringIO()) if now is None else roots_make_and_write(now=now)
    return folder


def checked(file: Path, folder: Path | None = None, key: str | None = None) -> list[str]:
    kept = roots_in(folder) if folder else []
    chosen = public_key().hex() if key is None else key
    return [
        problem
        for report in verify_export(file.read_text().splitlines(), kept=kept, public_key=chosen)
        for problem in report.problems
    ]


# --- Roots ---------------------------------------------------------------------------------------


def test_there_is_one_root_a_day_and_it_goes_on_from_the_one_before(
    campus: Campus, now: datetime
) -> None:
    found = roots()
    assert [root.position for root in found] == [2, 5, 6]
    digest = START
    with campus_scope(campus):
        from apps.audit.chain import canonical

        for position, entry in enumerate(Entry.objects.order_by("pk")[:6], start=1):
            digest = next_digest(
                digest,
                position=position,
                entry_id=entry.pk,
                content_sha256=hashlib.sha256(canonical(entry)).digest(),
                mac=bytes(entry.mac),
            )
    assert bytes(found[-1].head) == digest
    assert root_make(campus=campus, now=now + 2 * DAY) is None
    assert root_make(campus=campus, now=now) is None


def test_an_empty_chain_has_no_root(now: datetime) -> None:
    assert root_make(campus=make_campus("north"), now=now) is None
    assert root_make(campus=None, now=now) is None


def test_the_key_is_derived_or_configured(settings: Any) -> None:
    derived = public_key()
    settings.AUDIT_SIGNING_KEY = bytes(32)
    expected = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key().public_bytes_raw()
    assert public_key() == expected != derived
    out = StringIO()
    call_command("audit_roots", public_key=True, stdout=out)
    assert out.getvalue().strip() == expected.hex()


def test_the_folder_keeps_whole_files_that_are_never_changed(
    campus: Campus, now: datetime, tmp_path: Path, settings: Any
) -> None:
    log_platform_event(actor=SYSTEM, action="test.platform", now=now)
    folder = tmp_path / "roots"
    settings.AUDIT_ROOTS_DIR = str(folder)
    from apps.audit.tasks import seal_entries

    seal_entries()
    outcome = roots_make_and_write(now=now + 3 * DAY)
    assert (outcome.made, outcome.written, outcome.failed) == (2, 5, [])
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    days = [(now + n * DAY).date().isoformat() for n in range(4)]
    assert names == {*(f"north/{day}.json" for day in days), f"@platform/{days[3]}.json"}
    assert roots_make_and_write(now=now + 3 * DAY).written == 0
    with platform_scope():
        assert RootCopy.objects.count() == 5


def test_another_file_in_the_place_of_a_root_is_an_error(
    campus: Campus, now: datetime, tmp_path: Path, settings: Any
) -> None:
    settings.AUDIT_ROOTS_DIR = str(tmp_path)
    path = tmp_path / "north" / f"{now.date().isoformat()}.json"
    path.parent.mkdir()
    path.write_text("{}")
    outcome = roots_make_and_write(now=now + 2 * DAY)
    assert (len(outcome.failed), outcome.written) == (1, 2)  # it keeps no other away
    assert path.read_text() == "{}"
    assert roots_make_and_write(now=now + 3 * DAY).written == 1
    with pytest.raises(CommandError, match="folder"):
        call_command("audit_roots", stdout=StringIO())


def test_a_place_that_fails_gets_them_with_the_next_run(
    campus: Campus, now: datetime, tmp_path: Path, settings: Any
) -> None:
    blocked = tmp_path / "roots"
    blocked.write_text("a file where the folder should be")
    settings.AUDIT_ROOTS_DIR, settings.AUDIT_ROOTS_MAIL = str(blocked), ["board@north.example"]
    outcome = roots_make_and_write(now=now + 2 * DAY)
    assert (len(outcome.failed), outcome.written) == (1, 3)
    blocked.unlink()
    assert roots_make_and_write(now=now + 2 * DAY).written == 3


def test_a_letter_carries_all_that_is_new(campus: Campus, now: datetime, settings: Any) -> None:
    settings.AUDIT_ROOTS_MAIL = ["board@north.example"]
    roots_make_and_write(now=now + 2 * DAY)
    emails: Any = mail.outbox
    (email,) = emails
    assert email.to == ["board@north.example"]
    names = [name for name, _content, _mime in email.attachments]
    assert names == [f"north_{(now + n * DAY).date()}.json" for n in range(3)]
    roots_make_and_write(now=now + 3 * DAY)
    assert len(emails[1].attachments) == 1


@pytest.fixture
def bucket(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "only-for-tests")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="roots", ObjectLockEnabledForBucket=True)
        options = s3_storage("roots", region_name="us-east-1", lock_days=30, lock_mode="COMPLIANCE")
        settings.STORAGES = {
            **settings.STORAGES,
            "audit_roots": {**options, "BACKEND": "apps.audit.locked_storage.LockedStorage"},
        }
        yield client


def test_the_bucket_locks_what_is_written(campus: Campus, now: datetime, bucket: Any) -> None:
    assert roots_make_and_write(now=now + 2 * DAY).written == 3
    key = f"north/{now.date()}.json"
    head = bucket.head_object(Bucket="roots", Key=key)
    assert head["ObjectLockMode"] == "COMPLIANCE"
    kept = head["ObjectLockRetainUntilDate"] - head["LastModified"]
    assert timedelta(days=29) < kept < timedelta(days=31)
    with pytest.raises(ClientError):
        bucket.delete_object(Bucket="roots", Key=key, VersionId=head["VersionId"])
    body = bucket.get_object(Bucket="roots", Key=key)["Body"].read()
    assert json.loads(body)["position"] == 2


def test_another_object_in_the_place_of_a_root_is_an_error(
    campus: Campus, now: datetime, bucket: Any
) -> None:
    bucket.put_object(Bucket="roots", Key=f"north/{now.date()}.json", Body=b"{}")
    outcome = roots_make_and_write(now=now + 2 * DAY)
    assert (len(outcome.failed), outcome.written) == (1, 2)
    with platform_scope():
        assert not RootCopy.objects.filter(root__day=now.date()).exists()


# --- Offline -------------------------------------------------------------------------------------


def test_an_export_that_nobody_touched_holds(
    campus: Campus, now: datetime, tmp_path: Path, settings: Any
) -> None:
    folder = kept_roots(tmp_path / "roots", settings, now + 2 * DAY)
    file = exported(campus, tmp_path / "log.jsonl", now)
    (report,) = verify_export(
        file.read_text().splitlines(), kept=roots_in(folder), public_key=public_key().hex()
    )
    assert report.problems == []
    assert (report.entries, report.covered, report.roots, report.chain) == (8, 6, 3, "north")


def by_hand(campus: Campus, *statements: str) -> None:
    """Somebody with the owner's rights *and* the master key could also mend MACs and links."""
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute("SELECT set_config('campus.id', %s, true)", [str(campus.pk)])
        for statement in statements:
            cursor.execute(statement)


@pytest.mark.parametrize(
    ("statements", "named"),
    [
        (["UPDATE audit_entry SET action='x' WHERE action='test.2'"], "root of 2026-09-15"),
        (["UPDATE audit_entry SET mac='\\x00' WHERE action='test.2'"], "root of 2026-09-15"),
        (
            [
                "DELETE FROM audit_seal WHERE position > 5",
                "DELETE FROM audit_entry WHERE NOT EXISTS "
                "(SELECT FROM audit_seal WHERE entry_id = audit_entry.id)",
            ],
            "root of 2026-09-16: 1 entries are missing at the end",
        ),
        (
            [
                "UPDATE audit_seal SET position=99 WHERE position=3",
                "UPDATE audit_seal SET position=3 WHERE position=4",
                "UPDATE audit_seal SET position=4 WHERE position=99",
            ],
            "root of 2026-09-15",
        ),
        (["DELETE FROM audit_seal WHERE position = 4"], "after position 3 comes 5"),
        (["DELETE FROM audit_root_copy; DELETE FROM audit_root"], ""),
    ],
)
def test_what_was_changed_afterwards_shows_against_the_roots_kept_elsewhere(
    campus: Campus,
    now: datetime,
    tmp_path: Path,
    settings: Any,
    statements: list[str],
    named: str,
) -> None:
    folder = kept_roots(tmp_path / "roots", settings, now + 2 * DAY)
    by_hand(campus, *statements)
    found = checked(exported(campus, tmp_path / "log.jsonl", now), folder)
    assert any(named in problem for problem in found) if named else found == []


def test_a_forged_root_is_named(
    campus: Campus, now: datetime, tmp_path: Path, settings: Any
) -> None:
    folder = kept_roots(tmp_path / "roots", settings, now + 2 * DAY)
    file = exported(campus, tmp_path / "log.jsonl", now)
    assert checked(file, folder, key="00" * 32)
    assert checked(file, folder, key="not a key")
    path = folder / "north" / f"{now.date()}.json"
    root = json.loads(path.read_text())
    path.chmod(0o644)
    path.write_text(json.dumps({**root, "position": 1}))
    assert any("not signed" in problem for problem in checked(file, folder))


def test_a_root_taken_away_is_noticed(
    campus: Campus, now: datetime, tmp_path: Path, settings: Any
) -> None:
    folder = kept_roots(tmp_path / "roots", settings, now + 2 * DAY)
    (folder / "north" / f"{(now + DAY).date()}.json").unlink()
    file = exported(campus, tmp_path / "log.jsonl", now)
    assert any("the one before it is missing" in problem for problem in checked(file, folder))


def test_an_export_that_was_cut_off_is_noticed(
    campus: Campus, now: datetime, tmp_path: Path
) -> None:
    file = exported(campus, tmp_path / "log.jsonl", now)
    lines = file.read_text().splitlines()
    file.write_text("\n".join(lines[:-1]))
    assert checked(file) == ["the export ends before its end"]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "null", "x", '{"type": "chain"}', '{"type": "entry"}', "\x00"]
)
def test_what_is_no_export_is_said_to_be_none(tmp_path: Path, text: str) -> None:
    with pytest.raises(UnreadableExport):
        list(verify_export([text] if text else [], kept=[]))


def offline(*arguments: str) -> subprocess.CompletedProcess[str]:
    """On a machine that knows nothing of the platform: no settings, no servers, no keys."""
    bare = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": os.environ["HOME"]}
    code = (
        "import sys; from apps.audit.offline import main; code = main(sys.argv[1:]);"
        "assert not {'django', 'psycopg'} & set(sys.modules); sys.exit(code)"
    )
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=bare,
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_needs_neither_database_nor_key_nor_django(
    campus: Campus, now: datetime, tmp_path: Path, settings: Any
) -> None:
    folder = kept_roots(tmp_path / "roots", settings, now + 2 * DAY)
    file = exported(campus, tmp_path / "log.jsonl", now)
    arguments = (str(file), "--roots", str(folder), "--public-key", public_key().hex())
    outcome = offline(*arguments)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert "north: 8 entries, 6 of them covered by 3 roots" in outcome.stdout
    file.write_text(file.read_text().replace('"n": 1', '"n": 7'))
    assert offline(*arguments).returncode == 1
    file.write_text("something else")
    assert offline(*arguments).returncode == 2


def test_the_command_exports_and_checks(
    campus: Campus, now: datetime, tmp_path: Path, settings: Any
) -> None:
    log_platform_event(actor=SYSTEM, action="test.platform", now=now)
    folder = kept_roots(tmp_path / "roots", settings, now + 2 * DAY)
    file = str(tmp_path / "log.jsonl")
    call_command("verify_audit", export=file, stdout=StringIO())
    out = StringIO()
    options = {"roots": str(folder), "public_key": public_key().hex()}
    call_command("verify_audit", offline=file, stdout=out, **options)
    assert "north: 8 entries" in out.getvalue()
    assert "@platform: 0 entries" in out.getvalue()
    with pytest.raises(FileExistsError):
        call_command("verify_audit", export=file, stdout=StringIO())
    Path(file).write_text(Path(file).read_text().replace("test.0", "test.9"))
    with pytest.raises(CommandError, match="problems"):
        call_command("verify_audit", offline=file, stdout=StringIO(), **options)


def test_the_offline_check_of_the_command_asks_no_database(
    campus: Campus, now: datetime, tmp_path: Path
) -> None:
    file = exported(campus, tmp_path / "log.jsonl", now)
    nowhere = "postgresql://nobody@127.0.0.1:1/none"
    outcome = subprocess.run(
        [sys.executable, "manage.py", "verify_audit", "--offline", str(file)],
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "campus.settings.dev",
            "CAMPUS_MASTER_KEY": "ab" * 32,
            "SECRET_KEY": "x" * 60,
            "DATABASE_URL": nowhere,
            "DATABASE_OWNER_URL": nowhere,
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_an_older_chain_gets_its_first_root_from_its_start(now: datetime) -> None:
    """A campus that has a log from before there were roots."""
    campus = make_campus("north")
    work(campus, now - 300 * DAY, 4)
    work(campus, now, 2)
    root = root_make(campus=campus, now=now)
    assert root is not None
    assert root.position == 6
    assert bytes(root.previous) == START


def test_entries_put_aside_are_counted_in_the_root_and_marked_in_the_export(
    campus: Campus, now: datetime, tmp_path: Path
) -> None:
    with campus_scope(campus):
        bad = log_event(actor=SYSTEM, action="test.bad", now=now)
        put_aside(entries=[bad], now=now)
        seal_pending(now=now)
    root = root_make(campus=campus, now=now + 4 * DAY)
    assert root is not None
    assert root.set_aside == 1
    file = exported(campus, tmp_path / "log.jsonl", now)
    (report,) = verify_export(file.read_text().splitlines(), kept=[])
    assert (report.set_aside, report.problems) == (1, [])


def test_a_chain_shorter_than_its_last_root_gets_a_root_that_does_not_hide_it(
    campus: Campus, now: datetime, tmp_path: Path, settings: Any
) -> None:
    folder = kept_roots(tmp_path / "roots", settings, now + 2 * DAY)
    by_hand(
        campus,
        "DELETE FROM audit_seal WHERE position > 4",
        "DELETE FROM audit_entry WHERE NOT EXISTS "
        "(SELECT FROM audit_seal WHERE entry_id = audit_entry.id)",
    )
    root = root_make(campus=campus, now=now + 3 * DAY)
    assert root is not None
    assert root.position == 4
    found = checked(exported(campus, tmp_path / "log.jsonl", now), folder)
    assert any("missing at the end" in problem for problem in found)
