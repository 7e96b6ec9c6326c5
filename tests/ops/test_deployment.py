"""Every variable is documented, and everything documented reaches the containers."""

import json
import os
import re
import shlex
import sys
import tomllib
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any, Final

import psutil
import pytest
import yaml

from apps.ops import versions
from apps.ops.bringup import answers
from apps.ops.queues import queue_names
from apps.processes.spawning import wait_until
from tests.ops.lifecycle import free_port
from tests.ops.running import DEADLINE, ROOT, running

READ: Final = re.compile(
    r"""(?:environ(?:\.get\(|\[)|env_list\(|env_flag\(|required\(|hex_key\()\s*"([A-Z][A-Z0-9_]+)\""""
)
EXAMPLE: Final = re.compile(r"^(?:# )?([A-Z][A-Z0-9_]+)=", re.M)
COMPOSE: Final = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
OURS: Final = ("web", "worker", "faces", "beat", "migrate", "models")
UNITS: Final = sorted((ROOT / "deploy/systemd").glob("*.service"))

# Read by the settings and set by docker-compose.yml or the image, or no matter of production.
NOT_PASSED: Final = {
    "DATABASE_OWNER_URL": "of the service migrate only",
    "DJANGO_SETTINGS_MODULE": "in the image",
    "STATIC_ROOT": "in the image",
    "CAMPUS_MODELS_DIR": "in the image",
    "CAMPUS_VAR": "of the worker, which makes backups",
}
# For tests, or for who replaces a provider; not offered.
UNDOCUMENTED: Final = {
    "DEBUG",
    "FCM_URL",
    "PHONE_ORIGIN",  # set by `up` for its own processes
    "SMS_BACKEND",
    "TWILIO_URL",
    "WEB_PUSH_ORIGINS",
    *(f"NOTIFICATIONS_{name}" for name in ("BATCH", "LEASE_SECONDS", "MAX_ATTEMPTS")),
    *(f"NOTIFICATIONS_{name}_CONCURRENCY" for name in ("PUSH", "SMS")),
}
OF_COMPOSE: Final = re.compile(
    r"SEAWEEDFS_|POSTGRES_PASSWORD|VALKEY_PASSWORD|CAMPUS_(OWNER|APP|BACKUP)_PASSWORD"
    r"|CAMPUS_(PORT|VERSION)|(WEB|WORKER|FACES|DB)_MEMORY"
)


def read_by_settings() -> set[str]:
    found: set[str] = set()
    for path in (ROOT / "campus/settings").glob("*.py"):
        if path.name not in ("dev.py", "test.py", "local_secrets.py"):
            found |= set(READ.findall(path.read_text()))
    pool = (ROOT / "campus/settings/pool.py").read_text()
    return found | set(re.findall(r'"(DB_\w+)"', pool.partition("NAMES = (")[2].partition(")")[0]))


def documented() -> set[str]:
    return set(EXAMPLE.findall((ROOT / ".env.example").read_text()))


def passed_to(service: str) -> set[str]:
    return set(COMPOSE["services"][service]["environment"])


def passed() -> set[str]:
    return set().union(*map(passed_to, OURS))


def test_every_variable_that_is_read_is_documented() -> None:
    assert read_by_settings() - documented() - UNDOCUMENTED == set()


def test_every_documented_variable_is_passed_on() -> None:
    ours = {name for name in documented() if not OF_COMPOSE.match(name)}
    assert ours - passed() - set(NOT_PASSED) == set()


def test_every_variable_of_compose_is_documented() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    used = set(re.findall(r"(?<!\$)\$\{([A-Z][A-Z0-9_]+)", text))  # $$ is the containers' own
    assert used - documented() == set()
    assert {name for name in documented() if OF_COMPOSE.match(name)} <= used


def test_only_migrate_knows_the_owner() -> None:
    knowing = {name for name in OURS if "DATABASE_OWNER_URL" in passed_to(name)}
    assert knowing == {"migrate"}


def test_every_container_has_a_limit_of_memory() -> None:
    assert [name for name, one in COMPOSE["services"].items() if "mem_limit" not in one] == []


def test_everything_waits_for_the_one_migration() -> None:
    assert COMPOSE["services"]["migrate"]["restart"] == "no"
    for name in ("web", "worker", "faces", "beat"):
        needs = COMPOSE["services"][name]["depends_on"]
        assert needs["migrate"]["condition"] == "service_completed_successfully"


def queues_of(command: str) -> set[str]:
    found = re.search(r"--queues=([\w,]+)", command)
    return set(found.group(1).split(",")) if found else set()


def test_every_queue_has_a_worker() -> None:
    services = COMPOSE["services"].values()
    compose = set().union(*(queues_of(" ".join(one.get("command", []))) for one in services))
    units = set().union(*(queues_of(unit.read_text()) for unit in UNITS))
    assert compose == units == set(queue_names())


BOOT_SECONDS: Final = 120.0  # four processes load the whole platform
HOSTS: Final = ROOT / "deploy/hosts"


def procfile() -> dict[str, str]:
    lines = (HOSTS / "Procfile").read_text().splitlines()
    return dict(line.split(": ", 1) for line in lines if line and not line.startswith("#"))


def test_recipes_of_hosts_run_everything_once() -> None:
    """The same queues as elsewhere, one scheduler, which is no part of a web server."""
    render = yaml.safe_load((HOSTS / "render.yaml").read_text())["services"]
    railway = json.loads((HOSTS / "railway.json").read_text())["deploy"]
    commands = [one["dockerCommand"] for one in render if "dockerCommand" in one]
    for recipe in (list(procfile().values()), commands):
        assert sum(" beat " in command for command in recipe) == 1
        assert sum("granian" in command for command in recipe) == 1
        assert set().union(*map(queues_of, recipe)) == set(queue_names())
    assert "--workers 4 " in railway["startCommand"]
    assert "--workers 4 " in next(one for one in commands if "granian" in one)
    for migrates in (procfile()["release"], *railway["preDeployCommand"]):
        assert migrates == "python manage.py migrate --noinput"
    owners = [
        one["name"]
        for one in render
        if "DATABASE_OWNER_URL" in [value.get("key") for value in one.get("envVars", [])]
    ]
    assert owners == ["campus-web"]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_procfile_boots_four_web_workers(tmp_path: Path) -> None:
    port = free_port()
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    env = {**os.environ, "PORT": str(port), "PYTHONUNBUFFERED": "1", "PATH": path}
    shell = f"import os; os.execv('/bin/sh', ['sh', '-c', {'exec ' + procfile()['web']!r}])"
    with running("-c", shell, log=tmp_path / "log", env=env) as script:

        def started_workers() -> int:
            return sum("Started worker-" in line for line in script.lines)

        assert wait_until(lambda: started_workers() == 4, timeout=BOOT_SECONDS), script.lines
        assert wait_until(lambda: answers(f"http://127.0.0.1:{port}/healthz"), timeout=DEADLINE)
        started = psutil.Process(script.process.pid).children(recursive=True)
        assert len(started) >= 4
        assert not [one for one in started if "celery" in " ".join(one.cmdline())]
        script.process.terminate()
        assert script.finish() == 0


def parsed(path: Any) -> dict[str, list[tuple[str, str]]]:
    """systemd's files name a key several times."""
    sections: dict[str, list[tuple[str, str]]] = {}
    section = ""
    for line in path.read_text().splitlines():
        if line.startswith("["):
            section = line.strip("[]")
            sections[section] = []
        elif line and not line.startswith("#"):
            key, equals, value = line.partition("=")
            assert equals, line
            sections[section].append((key, value))
    return sections


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_units_are_complete(unit: Any) -> None:
    sections = parsed(unit)
    service = dict(sections["Service"])
    assert {"Unit", "Service"} <= sections.keys()
    assert (service["User"], service["NoNewPrivileges"]) == ("campus", "true")
    for key, value in sections["Service"]:
        if key == "ExecStart":
            assert shlex.split(value)[0].startswith("/srv/campus/venv/bin/")
    owners = [value for key, value in sections["Service"] if value.endswith("owner.env")]
    assert bool(owners) is (unit.name == "campus-migrate.service")


def test_alerts_are_well_formed() -> None:
    rules = yaml.safe_load((ROOT / "deploy/monitoring/campus-alerts.yml").read_text())
    for rule in rules["groups"][0]["rules"]:
        assert {"alert", "expr", "for", "labels", "annotations"} == rule.keys()
        assert rule["annotations"]["description"]


def test_an_image_knows_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has the project's file and not the package; backups and metrics name the same version."""

    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(versions, "version", missing)
    versions.campus_version.cache_clear()
    said = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert versions.campus_version() == said
    copied = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if "COPY" in line]
    assert any("pyproject.toml" in line.split() for line in copied)
    ask = [
        path for path in (ROOT / "apps").rglob("*.py") if "importlib.metadata" in path.read_text()
    ]
    assert [path.name for path in ask] == ["versions.py"]


def test_proxies_drop_what_wsgi_takes_for_their_own_headers() -> None:
    """`X_Forwarded_For` of a client stands where the proxy's `X-Forwarded-For` is looked for."""
    caddy = (ROOT / "deploy/proxy/Caddyfile").read_text()
    for block in re.findall(r"reverse_proxy [\d.:]+ \{(.*?)\n\t\t\}", caddy, re.S):
        assert "header_up -*_*" in block
    assert caddy.count("header_up -*_*") == 1
    nginx = (ROOT / "deploy/proxy/nginx.conf").read_text()
    assert "underscores_in_headers off;" in nginx
    assert "underscores_in_headers on;" not in nginx
