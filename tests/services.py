"""Starts PostgreSQL and Valkey for the tests before Django reads its settings.

Loaded as an early plugin (`-p tests.services` in pyproject.toml). With DATABASE_URL,
DATABASE_OWNER_URL and REDIS_URL set, those servers are used instead; the database's name must then
begin with "test_", because the tests empty its tables.

`CAMPUS_TEST_POOLER=pgbouncer` puts a PgBouncer in transaction mode in front of the application's
role; the owner's connections stay direct. `.ci/run` sets it.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import dj_database_url

from apps.ops.embedded import EmbeddedStack, Layout
from tests.pooler import Pooler, find_pgbouncer

NAMES = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL")


def start_embedded() -> EmbeddedStack:
    var = Path(tempfile.mkdtemp(prefix="campus-tests-"))
    stack = EmbeddedStack(Layout(var), postgres_options={"fsync": "off"})
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


def check_named_services() -> None:
    missing = [name for name in NAMES if not os.environ.get(name)]
    if missing:
        message = f"Set {', '.join(missing)} too, or none of {', '.join(NAMES)}."
        raise SystemExit(message)
    database = urlsplit(os.environ["DATABASE_URL"]).path.lstrip("/")
    if not database.startswith("test_"):
        message = f"The tests empty their database: “{database}” must begin with “test_”."
        raise SystemExit(message)


STACK: EmbeddedStack | None = None  # ours, which tests may kill; None for servers of others
if any(os.environ.get(name) for name in NAMES):
    check_named_services()
else:
    STACK = start_embedded()


def start_pooler() -> None:
    if find_pgbouncer() is None:
        raise SystemExit("CAMPUS_TEST_POOLER=pgbouncer, but there is no pgbouncer here.")
    folder = Path(tempfile.mkdtemp(prefix="campus-pooler-"))
    pooler = Pooler(dj_database_url.parse(os.environ["DATABASE_URL"]), folder)
    pooler.__enter__()
    os.environ["DATABASE_URL"] = pooler.url
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(pooler.__exit__, None, None, None)


if os.environ.get("CAMPUS_TEST_POOLER") == "pgbouncer":
    start_pooler()
