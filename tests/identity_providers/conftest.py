"""Identity providers and federations on loopback, some of them set up on campus "north"."""

from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django import Settings

from apps.identity_providers.models import IdentityProvider
from tests.factories import Cast
from tests.identity_providers.provider_server import Provider
from tests.identity_providers.saml_server import Federation, SamlProvider
from tests.identity_providers.saml_support import running, saml_set_up
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


# --- SAML --------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def federation_servers() -> Iterator[list[Federation]]:
    servers = [Federation("north-federation"), Federation("south-federation")]
    with running(*servers):
        yield servers


@pytest.fixture
def idp(settings: Settings) -> SamlProvider:
    """Of the university of "north", with its metadata pasted."""
    settings.OUTGOING_PRIVATE_ADDRESSES = ["127.0.0.1:1"]
    return SamlProvider("north", ["north.example"])


@pytest.fixture
def saml_provider(cast: Cast, idp: SamlProvider) -> IdentityProvider:
    return saml_set_up(cast.campus, idp)


@pytest.fixture
def federations(federation_servers: list[Federation], settings: Settings) -> list[Federation]:
    """Two, of which the first publishes "north" and "college", and the second "south"."""
    first, second = federation_servers
    settings.OUTGOING_PRIVATE_ADDRESSES = [first.place, second.place]
    first.reset(
        [
            SamlProvider("north", ["north.example"], first.place),
            SamlProvider("college", ["college.example"], first.place),
        ]
    )
    second.reset([SamlProvider("south", ["south.example"], second.place)])
    return [first, second]
