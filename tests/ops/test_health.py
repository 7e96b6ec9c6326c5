"""GET /healthz."""

import json

import pytest
from django.db import connections
from django.db.utils import ConnectionHandler
from django.http import JsonResponse
from django.test import RequestFactory, override_settings

from apps.ops.views import healthz


def check(method: str = "GET") -> JsonResponse:
    return healthz(RequestFactory().generic(method, "/healthz"))


@pytest.mark.django_db
def test_all_is_well() -> None:
    response = check()
    assert response.status_code == 200
    assert json.loads(response.content) == {
        "status": "ok",
        "checks": {"database": True, "redis": True},
    }
    assert "no-store" in response["Cache-Control"]


@pytest.mark.django_db
@override_settings(REDIS_URL="unix:///nowhere/valkey.sock")
def test_a_lost_redis_is_named() -> None:
    response = check()
    assert response.status_code == 503
    assert json.loads(response.content) == {
        "status": "unavailable",
        "checks": {"database": True, "redis": False},
    }


@pytest.mark.django_db
def test_a_lost_database_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = {**connections.databases["default"], "HOST": "127.0.0.1", "PORT": "1"}
    monkeypatch.setattr("apps.ops.health.connections", ConnectionHandler({"default": lost}))
    response = check()
    assert response.status_code == 503
    assert json.loads(response.content)["checks"] == {"database": False, "redis": True}


def test_it_is_only_read() -> None:
    assert check("POST").status_code == 405
