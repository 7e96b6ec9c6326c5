"""A browser that signs in at a SAML provider."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.test import Client
from django.utils import timezone

from apps.audit.services import SYSTEM
from apps.identity_providers.models import IdentityProvider, MetadataSource
from apps.identity_providers.services import (
    metadata_read,
    provider_metadata_read,
    saml_provider_prepare,
)
from apps.tenants.addresses import campus_url
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from tests.identity_providers.saml_server import NUMBER, Federation, SamlProvider
from tests.identity_providers.support import led_to

ANSWER = "/accounts/provider/saml/answer/"


def own_id() -> str:
    """Of the entered campus."""
    return campus_url("/accounts/provider/saml/metadata/")


def saml_set_up(campus: Campus, idp: SamlProvider, **fields: Any) -> IdentityProvider:
    """With its metadata pasted, unless the fields say where it is read from."""
    with campus_scope(campus):
        client_id = own_id()
    values: dict[str, Any] = {
        "name": f"{idp.name} login",
        "protocol": "saml",
        "issuer": idp.entity_id,
        "client_id": client_id,
        "number_claim": "employeeNumber",
        **fields,
    }
    if not values.get("source") and not values.get("metadata_url"):
        values["metadata_text"] = idp.metadata()
    with campus_scope(campus):
        made = IdentityProvider.objects.create(**values)
        is_known = saml_provider_prepare(provider=made, now=timezone.now(), actor=SYSTEM)
    if not is_known and not made.metadata_text:  # as the worker does then
        provider_metadata_read(campus_id=campus.pk, provider_id=made.pk, clock=timezone.now)
        with campus_scope(campus):
            made.refresh_from_db(fields=["entity", "problem"])
    return made


def federation_of(campus: Campus, server: Federation, **fields: Any) -> MetadataSource:
    values = {
        "name": server.name,
        "kind": "aggregate",
        "address": f"{server.url}/all",
        "certificates": server.key.certificate,
        **fields,
    }
    with campus_scope(campus):
        return MetadataSource.objects.create(**values)


def read(campus: Campus, **more: Any) -> int:
    """As the worker does every hour."""
    return metadata_read(campus_id=campus.pk, clock=timezone.now, **more)


def said(number: str | None, /, **more: Any) -> dict[str, Any]:
    return {"attributes": {NUMBER: number, **more.pop("attributes", {})}, **more}


def post(client: Client, answer: str, **more: Any) -> Any:
    """The provider's page posts it: the browser sends no cookie of ours along."""
    bare = Client(headers={"host": client.defaults.get("HTTP_HOST", "north.example")})
    return bare.post(ANSWER, {"SAMLResponse": answer, **more})


def bring(client: Client, answer: str) -> Any:
    """The whole way of an answer: posted, and led on to where the browser comes by itself."""
    first = post(client, answer)
    return client.get(first["Location"]) if first.status_code == 302 else first


def saml_sign_in(
    client: Client, idp: SamlProvider, provider: IdentityProvider, **changes: Any
) -> Any:
    return bring(client, idp.answer_to(led_to(client, provider), **changes))


@contextmanager
def running(*servers: Federation) -> Iterator[None]:
    if not servers:
        yield
        return
    with servers[0].running(), running(*servers[1:]):
        yield
