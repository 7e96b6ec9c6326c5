"""A live MySQL: a real MariaDB server where one is installed, and addresses without any."""

import re
import socket
import sys
import tracemalloc
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pymysql
import pytest
from django.core.management import CommandError, call_command

from apps.accounts.models import Student
from apps.audit.models import Entry
from apps.common.errors import Invalid
from apps.old_databases import OldData, OldRow, mysql, server_open, source_open
from apps.old_databases.mysql import connect_options
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.factories import Cast
from tests.legacy.support import assert_reconciled, move
from tests.legacy.test_int import BROKEN_HASH, SAMPLE, SCHEMA
from tests.old_databases.mariadb import PASSWORD, MariaDb, find_mariadb

needs_mariadb = pytest.mark.skipif(
    find_mariadb() is None, reason="no MariaDB server on this machine (apt: mariadb-server)"
)
ROOT = Path(__file__).resolve().parents[2]
VARIABLE = "OLD_DATABASE_PASSWORD"
WHO = "u:very-s3cret"  # in addresses
ODD = """
CREATE TABLE `odd``name` (id int PRIMARY KEY, `text` text, photo blob, half decimal(4,2),
  big bigint unsigned, at timestamp NULL, day date, hour time, yes tinyint(1), written datetime);
INSERT INTO `odd``name` VALUES
  (1, 'O''Neill; \\\\ "x"\\n你好 😀', x'00ff', 0.50, 18446744073709551615,
   '2026-08-10 09:00:00', '2026-08-10', '09:05:00', 1, '2026-08-10 09:00:00'),
  (-2, NULL, NULL, -1.25, 7, NULL, NULL, NULL, 0, NULL);
CREATE VIEW seen AS SELECT 1;
"""


def rows(old: OldData, table: str) -> list[OldRow]:
    return [row for _number, row in old.rows(table)]


# --- A real server -------------------------------------------------------------------------------


@needs_mariadb
def test_a_live_database_is_read_as_its_dump(server: MariaDb, tmp_path: Path) -> None:
    server.run("SET GLOBAL time_zone = '+05:30'")
    try:
        address = server.database("odd", f"SET time_zone = '+05:30'; {ODD}")
        dump = server.dump("odd", tmp_path / "odd.sql")
        with source_open(dump) as old:
            by_dump = {name: rows(old, name) for name in old.tables}
        with server_open(address, password=PASSWORD) as old:
            assert {name: rows(old, name) for name in old.tables} == by_dump
            digest = old.digest
        with server_open(address, password=PASSWORD) as old:
            assert old.digest == digest
    finally:
        server.run("SET GLOBAL time_zone = SYSTEM")
    second, first = by_dump["odd`name"]
    assert first["text"] == 'O\'Neill; \\ "x"\n你好 😀'
    assert (first["photo"], first["half"], first["big"]) == (b"\0\xff", 0.5, "18446744073709551615")
    assert first["at"] == "2026-08-10 03:30:00+00:00"  # the clock there was ahead
    assert (first["written"], first["yes"]) == ("2026-08-10 09:00:00", 1)
    assert (second["id"], second["half"], second["text"], second["at"]) == (-2, -1.25, None, None)


@needs_mariadb
@pytest.mark.django_db
def test_the_same_report_by_dump_and_by_address(
    cast: Cast, server: MariaDb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also what is written: a dry run of the other source finds nothing to change."""
    # The old schema as a server takes it: without a comma before the check's name, and with days.
    sample = SAMPLE.format(hash=BROKEN_HASH, broken=BROKEN_HASH)
    schema = SCHEMA.replace("`created_at` timestamp,", "`created_at` timestamp NULL,")
    schema = schema.replace("`updated_at` timestamp)", "`updated_at` timestamp NULL)")
    schema = schema.replace("`start_time` timestamp,", "`start_time` timestamp NULL,")
    schema = schema.replace("`qr_expires_at` timestamp,", "`qr_expires_at` timestamp NULL,")
    schema = schema.replace("`last_login` timestamp,", "`last_login` timestamp NULL,")
    statements = f"SET time_zone = '+02:00'; {schema}; {sample}"
    statements = statements.replace("decimal(3,2)", "decimal(4,2)")
    address = server.database("intelliattend", statements)
    dump = server.dump("intelliattend", tmp_path / "int.sql")
    monkeypatch.setenv(VARIABLE, PASSWORD)
    said = [command(cast, "int", source) for source in (dump, address)]
    assert said[0] == said[1]
    assert "students: 5 read, 5 new" in said[0]
    saved = command(cast, "int", address, "--commit")
    assert "Every row is accounted for. Saved." in saved
    with campus_scope(cast.campus):
        assert Student.objects.filter(code="STU003", first_name="Zoë").exists()
        held = ClassSession.objects.filter(course__code="CS101").earliest("starts_at")
        assert held.starts_at == datetime(2026, 8, 10, 7, tzinfo=UTC)  # 9 by the clock there
        entry = Entry.objects.get(action="legacy.moved_in")
        assert PASSWORD not in str(entry.data)
    again = move(cast, "int", dump, dry=True)
    assert_reconciled(again)
    assert {t.name: (t.new, t.changed) for t in again.tables if t.new + t.changed} == {}


def command(cast: Cast, *args: Any) -> str:
    out = StringIO()
    options: dict[str, Any] = {"stdout": out, "stderr": StringIO()}
    call_command("import_legacy", *map(str, args), campus=cast.campus.slug, **options)
    return out.getvalue()


@needs_mariadb
def test_a_large_table_is_read_in_bounded_memory(server: MariaDb) -> None:
    text = "x" * 2000
    address = server.database(
        "large",
        f"CREATE TABLE t (id int, a text); INSERT INTO t SELECT seq, '{text}' FROM seq_1_to_20000;",
    )
    tracemalloc.start()
    try:
        with server_open(address, password=PASSWORD) as old:
            assert old.count("t") == 20_000
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20_000_000  # of 40 MB


@needs_mariadb
def test_one_state_is_read_and_nothing_can_be_written(
    server: MariaDb, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that arrive while it reads belong to no table, and no statement of ours may write."""
    address = server.database(
        "moving", "CREATE TABLE a (n int); CREATE TABLE b (n int); INSERT INTO a VALUES (1);"
    )
    whole = mysql._table
    refused: list[str] = []

    def meanwhile(cursor: Any, table: str, spool: Any) -> None:
        if table == "a":
            server.run("INSERT INTO b VALUES (1)", "moving")
        whole(cursor, table, spool)
        with pytest.raises(pymysql.Error) as error:
            cursor.execute("INSERT INTO a VALUES (2)")
        refused.append(str(error.value))

    server.run("GRANT ALL ON moving.* TO old_reader@'127.0.0.1'")
    monkeypatch.setattr(mysql, "_table", meanwhile)
    with server_open(address, password=PASSWORD) as old:
        assert (old.count("a"), old.count("b")) == (1, 0)
    assert all("READ ONLY" in said for said in refused)
    assert len(refused) == 2


@needs_mariadb
def test_what_a_server_refuses_is_said_in_words(server: MariaDb) -> None:
    address = server.database("closed", "CREATE TABLE t (a int);", reader=False)
    known = server.database("known", "CREATE TABLE buses (a int);")
    cases = {
        "wrong_password": (known, "wr0ng-secret"),
        "no_tls": (f"{known}?ssl_mode=REQUIRED", PASSWORD),
    }
    for code, (source, password) in cases.items():
        with pytest.raises(Invalid) as refused, server_open(source, password=password):
            pass
        assert (code, refused.value.code) == (code, code)
        assert password not in str(refused.value.message)
        assert refused.value.__cause__ is None
    for source in (address, known.replace("/known", "/never")):
        with pytest.raises(Invalid) as refused, server_open(source, password=PASSWORD):
            pass
        assert refused.value.code in ("no_database", "wrong_password", "no_right")


@needs_mariadb
@pytest.mark.django_db
def test_another_systems_database_and_a_right_that_is_missing(
    cast: Cast, server: MariaDb, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = server.database("buses", "CREATE TABLE buses (a int);")
    monkeypatch.setenv(VARIABLE, PASSWORD)
    with pytest.raises(CommandError, match="no source of int: it has none of the tables"):
        command(cast, "int", address)
    monkeypatch.setenv(VARIABLE, "wr0ng-secret")
    with pytest.raises(CommandError, match="does not let this user in") as refused:
        command(cast, "int", address)
    assert "wr0ng-secret" not in str(refused.value)
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setattr(
        "apps.legacy.management.commands.import_legacy.getpass", lambda _prompt: PASSWORD
    )
    with pytest.raises(CommandError, match="no source of int"):
        command(cast, "int", address, "--ask-password")


# --- Addresses -----------------------------------------------------------------------------------


def test_only_the_command_asks_a_server() -> None:
    """Whoever names an address lets this machine ask it: nobody does by a browser."""
    names = re.compile(r"server_open|(?:mysql|postgresql)_read|old_databases\.servers")
    naming = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "apps").rglob("*.py")
        if names.search(path.read_text())
    }
    reading = {path for path in naming if path.startswith("apps/old_databases/")}
    assert naming - reading == {"apps/legacy/management/commands/import_legacy.py"}


def test_nobody_answers() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for address in (
        f"mysql://{WHO}@127.0.0.1:{port}/old",
        f"postgresql+psycopg2://{WHO}@127.0.0.1:{port}/old?connect_timeout=2",
        f"mysql://{WHO}@no-such-host.invalid/old",
    ):
        with pytest.raises(Invalid) as refused, server_open(address):
            pass
        assert refused.value.code == "no_server"
        assert "s3cret" not in str(refused.value.message)


def test_without_the_driver_it_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymysql", None)
    with pytest.raises(Invalid, match=r"pip install campus-platform\[mysql\]"):
        server_open("mysql://u@127.0.0.1/old").__enter__()


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (f"oracle://{WHO}@h/db", "postgresql://… or mysql://…"),
        (f"mysql://{WHO}@h", "no address of a database"),
        (f"mysql://{WHO}@h:port/db", "no address of a database"),
        (f"mysql://{WHO}@[::1/db", "no address of a database"),
        (f"mysql://{WHO}@h/db?local_infile=1", "not known here: local_infile"),
        (f"mysql://{WHO}@h/db?connect_timeout=never", "number of seconds"),
        (f"mysql://{WHO}@h/db?ssl_mode=maybe", "ssl_mode is one of"),
        (f"mysql://{WHO}@h/db?ssl_mode=VERIFY_IDENTITY", "certificate authority"),
        (f"postgresql://{WHO}@h", "no address of a database"),
        (f"postgresql://{WHO}@h/db?nonsense=1", "no address of a database"),
        (f"postgresql://{WHO}%zz@h/db", "no address of a database"),
    ],
)
def test_addresses_that_are_none_are_refused_and_not_repeated(address: str, said: str) -> None:
    with pytest.raises(Invalid) as refused, server_open(address):
        pass
    assert said in str(refused.value.message)
    assert "cret" not in str(refused.value.message)


@pytest.mark.parametrize(
    ("options", "tls"),
    [
        ("", {}),
        ("?charset=utf8mb4&ssl_disabled=false", {}),
        ("?ssl-mode=DISABLED", {"ssl_disabled": True}),
        ("?ssl_disabled=true", {"ssl_disabled": True}),
        ("?ssl_mode=REQUIRED", {"ssl": {"verify_mode": False, "check_hostname": False}}),
        ("?ssl_ca=/ca", {"ssl": {"ca": "/ca", "verify_mode": True, "check_hostname": False}}),
        (
            "?ssl_ca=/ca&ssl_verify_identity=true&ssl_cert=/c&ssl_key=/k",
            {
                "ssl": {
                    "ca": "/ca",
                    "cert": "/c",
                    "key": "/k",
                    "verify_mode": True,
                    "check_hostname": True,
                }
            },
        ),
    ],
)
def test_a_connection_is_secured_as_the_address_says(options: str, tls: dict[str, Any]) -> None:
    encoded = "p%2Fw"
    found = connect_options(f"mysql://u%40x:{encoded}@[::1]:3307/old%20db{options}", None)
    told = {name: value for name, value in found.items() if name.startswith("ssl")}
    assert told == tls
    assert (found["host"], found["port"], found["user"]) == ("::1", 3307, "u@x")
    assert (found["database"], found["password"]) == ("old db", b"p/w")
    assert connect_options(f"mysql://{WHO}@h/db", "given")["password"] == b"given"
