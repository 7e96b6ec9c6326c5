"""GET /healthz and /readyz."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage
from django.db import connections
from django.db.utils import ConnectionHandler
from django.http import JsonResponse
from django.test import RequestFactory, override_settings
from storages.backends.s3 import S3Storage

from apps.ops import health
from apps.ops.views.health import healthz, readyz
from apps.tenants import schema
from campus.settings.images import s3_storage
from tests.biometrics.support import free_port

ALL = {"database": True, "schema": True, "key": True, "redis": True, "storage": True}


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    health._schema_seen.clear()
    yield
    health._schema_seen.clear()


def ready(method: str = "GET") -> JsonResponse:
    return readyz(RequestFactory().generic(method, "/readyz"))


def checks() -> dict[str, bool]:
    response = ready()
    assert response.status_code == 503
    body = json.loads(response.content)
    assert body["status"] == "unavailable"
    return body["checks"]


def lost_database(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = {**connections.databases["default"], "HOST": "127.0.0.1", "PORT": "1"}
    monkeypatch.setattr("apps.ops.health.connections", ConnectionHandler({"default": lost}))


@pytest.mark.django_db
def test_all_is_well() -> None:
    response = ready()
    assert json.loads(response.content) == {"status": "ok", "checks": ALL}
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]


@pytest.mark.django_db
@override_settings(REDIS_URL="unix:///nowhere/valkey.sock")
def test_a_lost_redis_is_named() -> None:
    assert checks() == {**ALL, "redis": False}


@pytest.mark.django_db
def test_a_lost_database_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    lost_database(monkeypatch)
    assert checks() == {**ALL, "database": False, "schema": False, "key": False}


def test_the_process_is_healthy_without_its_services(monkeypatch: pytest.MonkeyPatch) -> None:
    lost_database(monkeypatch)
    with override_settings(REDIS_URL="unix:///nowhere/valkey.sock"):
        response = healthz(RequestFactory().get("/healthz"))
    assert (response.status_code, json.loads(response.content)) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_an_incomplete_schema_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [*schema.expected(), "index CREATE UNIQUE INDEX one_mark ON public.nowhere (id)"]
    monkeypatch.setattr(schema, "expected", lambda: lines)
    assert checks() == {**ALL, "schema": False}


@pytest.mark.django_db
def test_another_master_key_is_named(settings: Any) -> None:
    settings.CAMPUS_MASTER_KEY = bytes(range(1, 33))
    assert checks() == {**ALL, "key": False, "schema": False}


@pytest.mark.django_db
def test_a_folder_that_cannot_be_written_to_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    taken = tmp_path / "images"
    taken.write_text("a file where the folder should be")
    monkeypatch.setattr(health, "default_storage", FileSystemStorage(location=taken))
    assert checks() == {**ALL, "storage": False}


@pytest.mark.parametrize("view", [healthz, readyz])
def test_they_are_only_read(view: Any) -> None:
    assert view(RequestFactory().post("/")).status_code == 405


@pytest.mark.django_db
def test_a_dead_s3_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    options = s3_storage("images", endpoint_url=f"http://127.0.0.1:{free_port()}")["OPTIONS"]
    dead = S3Storage(**options, access_key="x", secret_key="y")
    monkeypatch.setattr("apps.biometrics.storage.default_storage", dead)
    monkeypatch.setattr(health, "default_storage", dead)
    monkeypatch.setattr(health, "ANSWER_WITHIN_SECONDS", 30.0)
    assert checks() == {**ALL, "storage": False}
