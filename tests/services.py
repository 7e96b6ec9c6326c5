"""Starts PostgreSQL and Valkey for the tests before Django reads its settings.

Loaded as an early plugin (`-p tests.services` in pyproject.toml). Every process that runs tests
has servers of its own, which its tests may kill: with pytest-xdist each worker, without it pytest
itself. With DATABASE_URL, DATABASE_OWNER_URL and REDIS_URL set, those servers are used instead, by
one process (`-n0`); the database's name must then begin with "test_", because the tests empty its
tables.

`CAMPUS_TEST_POOLER=pgbouncer` puts a PgBouncer in transaction mode in front of the application's
role; the owner's connections stay direct. `.ci/run` sets it.
"""

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import dj_database_url
import pytest

from apps.processes.embedded import EmbeddedStack, Layout
from tests import template
from tests.pooler import Pooler, find_pgbouncer

NAMES = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL")
MOST_WORKERS = 8  # each holds servers, a browser and a face model: about 1 GB

STACK: EmbeddedStack | None = None  # ours, which tests may kill; None for servers of others


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Start the servers, unless this process only hands tests to workers."""
    global STACK
    keep_bytecode()
    is_worker = "PYTEST_XDIST_WORKER" in os.environ
    shares_out = bool(getattr(early_config.known_args_namespace, "numprocesses", None))
    if any(os.environ.get(name) for name in NAMES):
        check_named_services(alone=not (is_worker or shares_out))
    elif is_worker or not shares_out:
        STACK = start_embedded()
    else:
        template.ensure()  # before the workers ask for it
    if (is_worker or not shares_out) and os.environ.get("CAMPUS_TEST_POOLER") == "pgbouncer":
        start_pooler()


def keep_bytecode() -> None:
    """Beside the sources, whatever the environment says: to compile the tests anew takes every
    worker 15 seconds, and the platform every program that a test starts a third of one."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


@pytest.hookimpl(tryfirst=True)  # before the one of xdist
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: some tests wait, for a clock or for programs that start."""
    return min((os.cpu_count() or 1) + 1, MOST_WORKERS)


def start_embedded() -> EmbeddedStack:
    var = Path(tempfile.mkdtemp(prefix="campus-tests-"))
    layout = Layout(var)
    template.copy_to(layout)
    stack = EmbeddedStack(layout, postgres_options={"fsync": "off"})
    stack.start()
    atexit.register(shutil.rmtree, var, ignore_errors=True)
    atexit.register(stack.stop)
    os.environ.update(
        DATABASE_URL=stack.layout.app_url,
        DATABASE_OWNER_URL=stack.layout.owner_url,
        REDIS_URL=stack.layout.redis_url,
        CAMPUS_VAR=str(var),
    )
    return stack


def check_named_services(*, alone: bool) -> None:
    missing = [name for name in NAMES if not os.environ.get(name)]
    if missing:
        message = f"Set {', '.join(missing)} too, or none of {', '.join(NAMES)}."
        raise SystemExit(message)
    if not alone:
        message = "Named servers serve one process: run pytest with -n0."
        raise SystemExit(message)
    database = urlsplit(os.environ["DATABASE_URL"]).path.lstrip("/")
    if not database.startswith("test_"):
        message = f"The tests empty their database: “{database}” must begin with “test_”."
        raise SystemExit(message)


def start_pooler() -> None:
    if find_pgbouncer() is None:
        raise SystemExit("CAMPUS_TEST_POOLER=pgbouncer, but there is no pgbouncer here.")
    folder = Path(tempfile.mkdtemp(prefix="campus-pooler-"))
    pooler = Pooler(dj_database_url.parse(os.environ["DATABASE_URL"]), folder)
    pooler.__enter__()
    os.environ["DATABASE_URL"] = pooler.url
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(pooler.__exit__, None, None, None)
