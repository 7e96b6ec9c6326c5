"""A browser that signs in at a provider."""

from typing import Any

from django.contrib.auth import SESSION_KEY
from django.http import HttpResponse
from django.test import Client

from apps.identity_providers.models import IdentityProvider
from apps.identity_providers.sealing import sealed_secret
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from tests.identity_providers.provider_server import CLIENT_ID, SECRET, Provider


def set_up(campus: Campus, server: Provider, **fields: Any) -> IdentityProvider:
    values = {
        "name": "North login",
        "issuer": server.issuer,
        "client_id": CLIENT_ID,
        "number_claim": "employeeNumber",
        **fields,
    }
    with campus_scope(campus):
        found = IdentityProvider(**values)
        found.sealed_secret = sealed_secret(found, SECRET)
        found.save()
    return found


def change(provider: IdentityProvider, **fields: Any) -> None:
    with campus_scope(provider.campus):
        IdentityProvider.objects.filter(pk=provider.pk).update(**fields)


def browser(host: str) -> Client:
    return Client(headers={"host": host})


def address(provider: IdentityProvider, page: str = "") -> str:
    return f"/accounts/provider/{provider.pk}/{page}"


def led_to(client: Client, provider: IdentityProvider, query: str = "") -> str:
    """Where the button on the sign-in page leads."""
    answer = client.get(address(provider) + query)
    assert answer.status_code == 302, answer.content
    return str(answer["Location"])


def come_back(client: Client, provider: IdentityProvider, query: str) -> Any:
    return client.get(f"{address(provider, 'callback/')}?{query}")


def sign_in(client: Client, server: Provider, provider: IdentityProvider, **claims: Any) -> Any:
    """The whole way; `claims` as in `Provider.claims`, `token` instead of a signed one."""
    return come_back(client, provider, server.answer_to(led_to(client, provider), **claims))


def user_of(client: Client) -> int | None:
    found = client.session.get(SESSION_KEY)
    return int(found) if found else None


def words(answer: HttpResponse) -> str:
    return " ".join(answer.content.decode().split())
