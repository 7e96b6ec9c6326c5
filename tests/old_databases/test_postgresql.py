"""A live PostgreSQL, against the server of the tests: the same as a dump of it."""

import subprocess
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from psycopg.conninfo import conninfo_to_dict

from apps.common.errors import Invalid
from apps.old_databases import OldData, OldRow, postgresql, server_open, source_open
from apps.processes.embedded.postgres import find_postgres
from tests import services
from tests.factories import Cast
from tests.legacy.test_ams import copies

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(services.STACK is None, reason="needs a server of its own"),
]
ODD = """
CREATE TABLE "odd ""name" (id serial PRIMARY KEY, "text" text, photo bytea, yes boolean,
  score double precision, tags text[], said jsonb, at timestamptz, written timestamp,
  twice int GENERATED ALWAYS AS (id * 2) STORED, gone int);
ALTER TABLE "odd ""name" DROP COLUMN gone;
INSERT INTO "odd ""name" ("text", photo, yes, score, tags, said, at, written) VALUES
  (E'tab\\t, line\\n, back\\\\slash, \\\\.', '\\x00ff', true, 0.1, '{"a,b",c}', '{"k": 1}',
   '2026-08-10 09:00:00+02', '2026-08-10 09:00:00'),
  (NULL, NULL, false, NULL, NULL, NULL, NULL, NULL);
CREATE SCHEMA other;
CREATE TABLE other.more (a text);
INSERT INTO other.more VALUES ('x'), ('');
CREATE TABLE nothing ();
CREATE VIEW seen AS SELECT 1 AS a;
"""


@pytest.fixture
def address() -> Iterator[str]:
    """An empty database beside that of the tests, owned by their superuser."""
    assert services.STACK is not None
    superuser = conninfo_to_dict(services.STACK.layout.superuser_url)
    name = "test_old_database"
    with psycopg.connect(**superuser, autocommit=True) as server:
        server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        server.execute(f"CREATE DATABASE {name}")
        server.execute("DROP ROLE IF EXISTS test_old_reader")
        server.execute("CREATE ROLE test_old_reader LOGIN")
        parts = {**superuser, "dbname": name}
        host = str(parts["host"]).replace("/", "%2F")
        yield f"postgresql://{parts['user']}@{host}:{parts.get('port', 5432)}/{name}"
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")
        server.execute("DROP ROLE test_old_reader")


def run(address: str, statements: str) -> None:
    with psycopg.connect(address, autocommit=True) as server:
        server.execute(statements)


def dump(address: str, to: Path, form: str = "plain") -> Path:
    program = str(find_postgres() / "pg_dump")
    subprocess.run([program, f"--format={form}", f"--file={to}", address], check=True)
    return to


def rows(old: OldData, table: str) -> list[OldRow]:
    return [row for _number, row in old.rows(table)]


def test_a_live_database_is_read_as_its_dump(address: str, tmp_path: Path) -> None:
    run(address, ODD)
    with server_open(address) as old:
        live = {name: rows(old, name) for name in old.tables}
    for form in ("plain", "custom"):
        with source_open(dump(address, tmp_path / form, form)) as old:
            assert {name: rows(old, name) for name in old.tables} == live
    first, second = live['odd "name']
    assert first["text"] == "tab\t, line\n, back\\slash, \\."
    assert (first["yes"], first["score"], first["tags"]) == ("t", "0.1", '{"a,b",c}')
    assert first["twice"] is None  # follows from the others
    assert second["text"] is None
    assert live["more"] == [{"a": "x"}, {"a": ""}]


def test_the_same_report_by_dump_and_by_address(cast: Cast, address: str, tmp_path: Path) -> None:
    """AMS, whose tables a server has as its rows are: text."""
    text = "".join(copies())
    for line in text.splitlines():
        if line.startswith("COPY"):
            head, _columns, _rest = line.replace(")", "(").split("(")
            columns = [f"{name.strip()} text" for name in _columns.split(",")]
            run(address, f"CREATE TABLE {head.split()[1]} ({', '.join(columns)})")
    program = [str(find_postgres() / "psql"), "--quiet", "--set=ON_ERROR_STOP=1", address]
    subprocess.run(program, input=text.encode(), check=True, capture_output=True)
    said = [
        command(cast, "ams", source)
        for source in (
            dump(address, tmp_path / "ams.sql"),
            address,
            address.replace(":", "+psycopg2:", 1),
        )
    ]
    assert said[0] == said[1] == said[2]
    assert "student: 4 read, 3 new" in said[0]


def command(cast: Cast, *args: Any) -> str:
    out = StringIO()
    options: dict[str, Any] = {"stdout": out, "stderr": StringIO()}
    call_command("import_legacy", *map(str, args), campus=cast.campus.slug, **options)
    return out.getvalue()


def test_one_state_is_read_and_nothing_can_be_written(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(address, "CREATE TABLE a (n int); CREATE TABLE b (n int); INSERT INTO a VALUES (1)")
    whole = postgresql._rows
    said: list[tuple[str, str]] = []

    def meanwhile(server: Any, schema: str, table: str, columns: list[str]) -> Any:
        if table == "a":
            run(address, "INSERT INTO b VALUES (1)")
        names = ("transaction_isolation", "transaction_read_only")
        said.append(tuple(server.execute(f"SHOW {name}").fetchone()[0] for name in names))  # type: ignore[arg-type]
        return whole(server, schema, table, columns)

    monkeypatch.setattr(postgresql, "_rows", meanwhile)
    with server_open(address) as old:
        assert (old.count("a"), old.count("b")) == (1, 0)
    assert said == [("repeatable read", "on")] * 2


def test_what_a_server_refuses_is_said_in_words(address: str) -> None:
    run(address, "CREATE TABLE a (n int)")
    reader = address.replace("postgresql://", "postgresql://test_old_reader:s3cret@", 1)
    reader = "@".join([reader.split("@")[0], reader.rsplit("@", 1)[1]])
    for source, code in (
        (reader, "no_right"),
        (address.replace("test_old_database", "test_never"), "no_database"),
        (f"{address}?sslmode=require&host=127.0.0.1&port=1&connect_timeout=2", "no_server"),
        (f"{address}?sslmode=verify-full&sslrootcert=/no/such.pem&host=localhost&port=1", None),
    ):
        with pytest.raises(Invalid) as refused, server_open(source):
            pass
        assert code in (None, refused.value.code), refused.value.message
        assert "s3cret" not in str(refused.value.message)
        assert refused.value.__cause__ is None


def test_rows_that_a_policy_hides_are_no_silent_loss(address: str) -> None:
    run(
        address,
        "CREATE TABLE a (n int); INSERT INTO a VALUES (1); ALTER TABLE a ENABLE ROW LEVEL SECURITY;"
        "CREATE POLICY none ON a USING (false); GRANT SELECT ON a TO test_old_reader",
    )
    reader = "postgresql://test_old_reader@" + address.rsplit("@", 1)[1]
    with pytest.raises(Invalid, match="row-level security"), server_open(reader):
        pass


def test_another_systems_database(cast: Cast, address: str) -> None:
    with pytest.raises(CommandError, match="no table in this source"):
        command(cast, "ams", address)
    run(address, "CREATE TABLE buses (n int)")
    with pytest.raises(CommandError, match="no source of ams: it has none of the tables"):
        command(cast, "ams", address)
