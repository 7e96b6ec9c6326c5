"""The demo campus, loaded once for all tests that begin with a loaded one."""

import pickle
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.db import connection, transaction
from pytest_django import DjangoDbBlocker
from pytest_django.plugin import blocking_manager_key

from apps.demo.loader import Loaded, load_demo

NOON = datetime(2026, 11, 18, 12, 2, 30, tzinfo=UTC)


class StandingDemo:
    """The loaded demo in a transaction around those of the tests: their changes are undone alone.

    Pickled: each test gets objects of its own.
    """

    def __init__(self) -> None:
        self._atomic: transaction.Atomic | None = None
        self._loaded = b""

    def enter(self) -> Loaded:
        if self._atomic is None:
            assert not connection.in_atomic_block, "ask for `loaded` before `db`"
            self._atomic = transaction.atomic()
            self._atomic.__enter__()
            try:
                self._loaded = pickle.dumps(load_demo(slug="demo", now=NOON))
            except BaseException:
                self.leave()
                raise
        found: Loaded = pickle.loads(self._loaded)
        return found

    def leave(self) -> None:
        if self._atomic is not None:
            atomic, self._atomic = self._atomic, None
            transaction.set_rollback(True)
            atomic.__exit__(None, None, None)


standing = StandingDemo()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Tests that do not ask for it begin without it."""
    if "loaded" not in getattr(item, "fixturenames", ()):
        with item.config.stash[blocking_manager_key].unblock():
            standing.leave()


@pytest.fixture(scope="package", autouse=True)
def _no_demo_elsewhere(django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    yield
    with django_db_blocker.unblock():
        standing.leave()


@pytest.fixture
def standing_demo(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Loaded:
    with django_db_blocker.unblock():
        return standing.enter()


@pytest.fixture
def loaded(standing_demo: Loaded, db: None) -> Loaded:
    """The demo as it is at NOON, changed by no other test."""
    return standing_demo
