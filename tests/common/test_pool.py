"""A pool of connections in each process, set up by the environment."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, connections
from django.db.utils import ConnectionHandler

from apps.common import measures
from apps.common.postgresql.base import count_pool
from apps.common.postgresql.connection import PatientConnection
from campus.settings.pool import OLD_NAMES, pool_options


def test_without_a_size_there_is_none() -> None:
    assert pool_options({}) is None


def test_all_of_it_can_be_set() -> None:
    given = {"DB_POOL_SIZE": "4", "DB_MAX_OVERFLOW": "6", "DB_POOL_TIMEOUT": "2.5",
             "DB_POOL_RECYCLE": "600", "DB_POOL_WAITING": "20"}  # fmt: skip
    assert pool_options(given) == {
        "min_size": 4,
        "max_size": 10,
        "timeout": 2.5,
        "max_lifetime": 600.0,
        "max_waiting": 20,
    }


@pytest.mark.parametrize("old", OLD_NAMES)
def test_names_of_other_systems_are_refused_with_ours(old: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=old):
        pool_options({old: "1"})


@pytest.mark.parametrize("text", ["-1", "many", "nan", "inf"])
def test_values_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="DB_POOL_SIZE"):
        pool_options({"DB_POOL_SIZE": text})


def test_an_overflow_of_nothing_is_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match="no pool"):
        pool_options({"DB_MAX_OVERFLOW": "5"})


@pytest.fixture
def pooled(transactional_db: None) -> Iterator[ConnectionHandler]:
    """Two connections at most; the third waits two seconds."""
    default = connections.databases["default"]
    options = pool_options({"DB_POOL_SIZE": "1", "DB_MAX_OVERFLOW": "1", "DB_POOL_TIMEOUT": "2"})
    name = connections["default"].settings_dict["NAME"]
    config = {**default, "NAME": name, "CONN_MAX_AGE": 0}
    config["OPTIONS"] = {**default["OPTIONS"], "pool": options}
    handler = ConnectionHandler({"default": config})
    yield handler
    handler["default"].close()
    handler["default"].close_pool()


def test_connections_are_shared_and_the_wait_has_an_end(pooled: ConnectionHandler) -> None:
    measures._own().take()
    used: list[int] = []
    holding = threading.Barrier(3)
    done = threading.Event()

    def hold() -> None:
        connection: Any = pooled["default"]
        connection.ensure_connection()
        assert isinstance(connection.connection, PatientConnection)
        used.append(connection.connection.pgconn.backend_pid)
        holding.wait(20)
        done.wait(20)
        connection.close()

    threads = [threading.Thread(target=hold) for _ in range(2)]
    for thread in threads:
        thread.start()
    holding.wait(20)
    with pytest.raises(OperationalError):
        pooled["default"].ensure_connection()
    done.set()
    for thread in threads:
        thread.join(20)
    connection: Any = pooled["default"]
    connection.ensure_connection()
    assert connection.connection.pgconn.backend_pid in used
    count_pool()
    counted = measures._own().take()
    assert counted[("campus_pool_requests", "count", "refused")] == 1
    assert counted[("campus_pool_wait_seconds", "count")] >= 1
