"""What production refuses to start with, and what `check --deploy` says is missing."""

import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from pytest_django.fixtures import Settings

from apps.backup.checks import backup_check
from apps.ops.deploy_checks import deployment_check, is_elsewhere
from campus.settings.old_names import OLD_NAMES, refuse_old_names

GOOD = {
    "SECRET_KEY": "".join(chr(33 + number) for number in range(60)),
    "CAMPUS_MASTER_KEY": bytes(range(32)).hex(),
    "ALLOWED_HOSTS": "campus.example",
    "DATABASE_URL": "postgresql://campus_app@db/campus",
    "REDIS_URL": "redis://:word@valkey/0",
    "LOG_FORMAT": "json",
}

pytestmark = pytest.mark.filterwarnings("ignore:Overriding setting DATABASES")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """An environment with what production needs and nothing else; the settings are read anew."""
    mine = {name: sys.modules[name] for name in sys.modules if name.startswith("campus.settings")}
    for name in [*os.environ]:
        # The last one stands where a browser's test ran before in this process.
        if name not in ("PATH", "HOME", "LANG", "DJANGO_ALLOW_ASYNC_UNSAFE"):
            monkeypatch.delenv(name)
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    yield monkeypatch
    forget_settings()
    sys.modules.update(mine)


def forget_settings() -> None:
    for name in [name for name in sys.modules if name.startswith("campus.settings")]:
        del sys.modules[name]


def production() -> Any:
    forget_settings()
    return importlib.import_module("campus.settings.production")


def test_good_values_are_taken(environment: pytest.MonkeyPatch) -> None:
    found = production()
    assert GOOD["SECRET_KEY"] == found.SECRET_KEY
    assert found.DEBUG is False
    assert found.DATABASES["default"]["HOST"] == "db"
    assert found.MEDIA_ROOT == found.CAMPUS_VAR / "media"
    environment.setenv("AWS_STORAGE_BUCKET_NAME", "images")
    assert production().STORAGES["default"]["OPTIONS"]["bucket_name"] == "images"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("SECRET_KEY", "", "SECRET_KEY is not set"),
        ("SECRET_KEY", "short", "too weak"),
        ("SECRET_KEY", "x" * 60, "too weak"),
        ("SECRET_KEY", "django-insecure-" + GOOD["SECRET_KEY"], "default"),
        ("CAMPUS_MASTER_KEY", "", "CAMPUS_MASTER_KEY is not set"),
        ("CAMPUS_MASTER_KEY", "00" * 32, "32 random bytes"),
        ("CAMPUS_MASTER_KEY", "abc", "CAMPUS_MASTER_KEY"),
        ("DEBUG", "1", "DEBUG must be off"),
        ("ALLOWED_HOSTS", "", "ALLOWED_HOSTS"),
        ("ALLOWED_HOSTS", "*", "ALLOWED_HOSTS"),
        ("DATABASE_URL", "", "DATABASE_URL is not set"),
        ("REDIS_URL", "", "REDIS_URL is not set"),
        ("BACKUP_TO", "/backups", "without BACKUP_KEY"),
        ("BACKUP_KEY", GOOD["CAMPUS_MASTER_KEY"], "another key"),
    ],
)
def test_production_refuses(
    environment: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    environment.setenv(name, value)
    with pytest.raises(ImproperlyConfigured, match=message):
        production()


@pytest.mark.parametrize("old", OLD_NAMES)
def test_names_of_other_systems_are_refused_with_ours(old: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=f"^{old} is not read here; use "):
        refuse_old_names({old: "1"})
    refuse_old_names({old: ""})


def test_production_looks_for_names_of_other_systems(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("S3_BUCKET_NAME", "images")
    with pytest.raises(ImproperlyConfigured, match="AWS_STORAGE_BUCKET_NAME"):
        production()


@pytest.mark.django_db
def test_http_leads_to_https_which_browsers_remember(
    environment: pytest.MonkeyPatch, settings: Settings
) -> None:
    found = production()
    for name in ("SECURE_SSL_REDIRECT", "SECURE_HSTS_SECONDS", "SECURE_HSTS_INCLUDE_SUBDOMAINS"):
        setattr(settings, name, getattr(found, name))
    settings.SECURE_REDIRECT_EXEMPT = found.SECURE_REDIRECT_EXEMPT
    settings.SECURE_PROXY_SSL_HEADER = found.SECURE_PROXY_SSL_HEADER
    plain = Client().get("/teach/", headers={"host": "campus.example"})
    assert (plain.status_code, plain["Location"]) == (301, "https://campus.example/teach/")
    by_proxy = Client().get("/accounts/login/", headers={"x-forwarded-proto": "https"})
    assert by_proxy["Strict-Transport-Security"].startswith("max-age=31536000; includeSubDomains")
    assert Client().get("/healthz").status_code == 200


# --- check --deploy ----------------------------------------------------------------------------


@pytest.fixture
def deployed(settings: Settings, tmp_path: Path) -> Settings:
    """Everything that the list asks for."""
    key = tmp_path / "firebase.json"
    key.write_text("{}")
    key.chmod(0o600)
    settings.METRICS_TOKEN = "t" * 40
    settings.SENTRY_DSN = "https://key@errors.example/1"
    settings.EMAIL_BACKEND = "apps.common.mail.TimedBackend"
    settings.DEFAULT_FROM_EMAIL = "office@campus.example"
    settings.FCM_CREDENTIALS_FILE = str(key)
    settings.REDIS_URL = "rediss://:word@valkey.example/0"
    give_database(settings, HOST="db.example", OPTIONS={"sslmode": "verify-full"})
    return settings


def give_database(settings: Settings, **changes: Any) -> None:
    settings.DATABASES = {"default": {**project.DATABASES["default"], **changes}}


def said() -> list[str]:
    return [str(message.id) for message in deployment_check()]


def test_nothing_is_missing_where_all_is_there(deployed: Settings) -> None:
    assert said() == []


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("METRICS_TOKEN", "", "ops.W001"),
        ("SENTRY_DSN", "", "ops.W002"),
        ("DEFAULT_FROM_EMAIL", "campus@localhost", "ops.W003"),
        ("FCM_CREDENTIALS_FILE", "/nowhere/firebase.json", "ops.E001"),
        ("FCM_CREDENTIALS_FILE", str(Path(__file__).parents[2] / "pyproject.toml"), "ops.E002"),
        ("REDIS_URL", "redis://:word@valkey.example/0", "ops.W005"),
        ("REDIS_URL", "rediss://valkey.example/0", "ops.E004"),
    ],
)
def test_each_missing_item_is_named(deployed: Settings, name: str, value: str, found: str) -> None:
    setattr(deployed, name, value)
    assert found in said()


def test_a_key_that_others_can_read_is_named(deployed: Settings) -> None:
    Path(deployed.FCM_CREDENTIALS_FILE).chmod(0o640)
    assert said() == ["ops.E003"]


@pytest.mark.parametrize("options", [{}, {"sslmode": "prefer"}, {"sslmode": "disable"}])
def test_a_database_elsewhere_is_reached_encrypted(
    deployed: Settings, options: dict[str, str]
) -> None:
    give_database(deployed, HOST="10.1.2.3", OPTIONS=options)
    assert said() == ["ops.W004"]
    give_database(deployed, HOST="db", OPTIONS=options)
    assert said() == []


def test_what_django_itself_looks_at_is_asked_too(deployed: Settings) -> None:
    deployed.SECURE_SSL_REDIRECT = False
    deployed.BACKUP_TO = ""
    security = checks.run_checks(tags=[checks.Tags.security], include_deployment_checks=True)
    assert "security.W008" in {message.id for message in security}
    assert [message.id for message in backup_check()] == ["backup.W001"]


@pytest.mark.parametrize(
    ("host", "elsewhere"),
    [
        ("", False),
        ("/run/postgres", False),
        ("localhost", False),
        ("127.0.0.1", False),
        ("::1", False),
        ("db", False),
        ("db.example", True),
        ("10.0.0.5", True),
        ("[2001:db8::5]", True),
    ],
)
def test_which_hosts_are_elsewhere(host: str, elsewhere: bool) -> None:
    assert is_elsewhere(host) is elsewhere
