"""A MariaDB server for the tests that ask for one."""

from collections.abc import Iterator

import pytest

from tests.old_databases.mariadb import MariaDb


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDb]:
    with MariaDb(tmp_path_factory.mktemp("mariadb")) as running:
        yield running
