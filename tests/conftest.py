"""The fixed cast, and the real servers that the tests run against."""

import gc
import os
import pickle
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Protocol

import pytest
from django.contrib import admin
from django.core.cache import cache
from django.core.management import call_command
from django.db import transaction
from django.test import TransactionTestCase, override_settings
from pytest_django import DjangoDbBlocker
from pytest_django.plugin import blocking_manager_key
from rest_framework.test import APIClient

from apps.processes.spawning import wait_until
from apps.tenants.scope import campus_scope
from tests import order, tables
from tests.accounts.support import mint_access_token
from tests.factories import Cast, make_cast
from tests.ops.running import DEADLINE, marked

STANDING = ("north", "south")
NOW = datetime(2026, 9, 14, 8, 0, tzinfo=UTC)
A_DAY = 24 * 3600  # seconds
GARBAGE_OBJECTS = 50_000  # new objects after which Python looks for garbage among them: 700 else
# The casts that stand in the database outside every test's transaction, pickled: each test gets
# objects of its own. Empty after a test that commits.
_standing: dict[str, bytes] = {}
_were_emptied = False


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: DjangoDbBlocker) -> None:
    """Bring the copied database up to date as the owner; tests connect as the application."""
    with django_db_blocker.unblock():
        call_command("migrate", verbosity=0)
        tables.end_sessions()
        tables.empty()  # what an earlier run left on named servers
        make_standing_casts()


def make_standing_casts() -> None:
    global _were_emptied
    _were_emptied = False
    for slug in STANDING:
        cast = make_cast(slug)
        with override_settings(HEADLESS_JWT_ACCESS_TOKEN_EXPIRES_IN=A_DAY):  # a run's, and more
            cast.tokens = {user.pk: mint_access_token(user, cast.campus) for user in cast.accounts}
        _standing[slug] = pickle.dumps(cast)


def empty_tables(*_args: object) -> None:
    """Instead of Django's flush, which empties every table and writes the fixed rows again."""
    global _were_emptied
    tables.empty()
    _standing.clear()
    _were_emptied = True


TransactionTestCase._fixture_teardown = empty_tables  # type: ignore[method-assign]


def commits(item: pytest.Item) -> bool:
    """Whether the test's changes are committed: it begins with empty tables and leaves none."""
    marker = item.get_closest_marker("django_db")
    names = {"transactional_db", "live_server"} & set(item.fixturenames)
    return bool(names) or bool(marker and marker.kwargs.get("transaction"))


@pytest.hookimpl(tryfirst=True)
def pytest_collection() -> None:
    """Tests ask which tables the administration shows when they are collected."""
    admin.autodiscover()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long first, after pytest-django has put the tests that commit last."""
    slow = [item for item in items if item.get_closest_marker("slow")]
    rest = [item for item in items if not item.get_closest_marker("slow")]
    items[:] = order.in_order(slow, rest, workers=order.workers())


def pytest_collection_finish() -> None:
    """What was imported and collected stays: it is not searched for garbage again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_OBJECTS)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """The casts again where tests that commit ran before: pytest-django puts those last."""
    if _were_emptied and not commits(item):
        with item.config.stash[blocking_manager_key].unblock():
            make_standing_casts()


@pytest.fixture(autouse=True)
def _tables_are_empty(request: pytest.FixtureRequest) -> None:
    if commits(request.node):
        request.getfixturevalue("transactional_db")
        empty_tables()


@pytest.fixture(scope="session", autouse=True)
def _nothing_stays_behind() -> Iterator[None]:
    """Programs that tests start, and those that these start, end with their tests."""
    yield
    mine = f"{os.getpid()}/"
    wait_until(lambda: not marked(mine), timeout=DEADLINE)
    assert [" ".join(process.cmdline()) for process in marked(mine)] == []


@pytest.fixture(autouse=True)
def _empty_cache(_tables_are_empty: None) -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


class Scene(Protocol):
    def __call__(self, build: Callable[[Cast], None], slug: str = "north") -> None: ...


@pytest.fixture(scope="module")
def scene(
    request: pytest.FixtureRequest, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[Scene]:
    """Adds to campus "north" or "south" what all tests of a module find there.

    It stands in a transaction around them, and what one of them does to it is undone as ever. For
    modules of which no test commits.
    """
    ours = [item for item in request.session.items if item.path == request.path]
    assert not any(map(commits, ours)), "a test of this module commits"
    around = transaction.atomic()

    def add(build: Callable[[Cast], None], slug: str = "north") -> None:
        with django_db_blocker.unblock():
            build(_cast(slug))

    with django_db_blocker.unblock():
        around.__enter__()
    yield add
    with django_db_blocker.unblock():
        transaction.set_rollback(True)
        around.__exit__(None, None, None)


@pytest.fixture
def now() -> datetime:
    return NOW


def _cast(slug: str) -> Cast:
    if slug not in _standing:
        return make_cast(slug)
    found: Cast = pickle.loads(_standing[slug])
    return found


@pytest.fixture
def cast(db: None) -> Cast:
    """Campus "north": an administrator, two lecturers, a representative, two students, a course."""
    return _cast("north")


@pytest.fixture
def other_cast(db: None) -> Cast:
    """The same people on campus "south"."""
    return _cast("south")


@pytest.fixture
def in_campus(cast: Cast) -> Iterator[Cast]:
    """The cast, with its campus entered for the whole test."""
    with campus_scope(cast.campus):
        yield cast


@pytest.fixture
def api(cast: Cast) -> APIClient:
    """A REST client that talks to the host of campus "north"."""
    return APIClient(headers={"host": cast.host})
