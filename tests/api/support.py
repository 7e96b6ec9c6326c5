"""REST clients of the cast."""

from typing import Any

from rest_framework.test import APIClient

from apps.accounts.models import User
from tests.factories import Cast


def client_of(cast: Cast, user: User | None) -> APIClient:
    client = APIClient(headers={"host": cast.host})
    client.force_authenticate(user)
    return client


def rows_of(client: APIClient, name: str, **query: Any) -> list[dict[str, Any]]:
    """All rows of a list that has one page."""
    answer = client.get(f"/api/v1/{name}", query)
    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert body["next"] is None
    assert body["count"] == len(body["results"])
    return list(body["results"])


def codes(rows: list[dict[str, Any]]) -> list[str]:
    return [row["code"] for row in rows]
