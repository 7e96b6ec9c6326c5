"""Two identity providers on loopback, and one of them set up on campus "north"."""

from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django import Settings

from apps.identity_providers.models import IdentityProvider
from tests.factories import Cast
from tests.identity_providers.provider_server import Provider
from tests.identity_providers.support import set_up


@pytest.fixture(scope="session")
def servers() -> Iterator[list[Provider]]:
    running = [Provider(), Provider()]
    yield running
    for server in running:
        server.stop()


@pytest.fixture
def server(servers: list[Provider], settings: Settings) -> Provider:
    for one in servers:
        one.reset()
    settings.OUTGOING_PRIVATE_ADDRESSES = [one.place for one in servers]
    return servers[0]


@pytest.fixture
def other_server(server: Provider, servers: list[Provider]) -> Provider:
    return servers[1]


@pytest.fixture
def provider(cast: Cast, server: Provider) -> IdentityProvider:
    return set_up(cast.campus, server)


@pytest.fixture
def other_provider(cast: Cast, other_server: Provider) -> Any:
    return set_up(cast.campus, other_server, name="Library login")
