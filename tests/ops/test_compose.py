"""What docker-compose.yml starts: the shell in it, secrets as files, the versions."""

import os
import re
import stat
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from apps.backup.server import tools_major
from campus.settings.secret_files import SECRETS, read_secret_files
from tests.ops.running import ROOT

COMPOSE: Final = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
OVERRIDE: Final = yaml.safe_load((ROOT / "deploy/compose.secrets.yml").read_text())
FILES: Final = "/run/secrets/"
S3_NAMES: Final = (
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
    *("WEED_JWT_SIGNING_KEY", "WEED_JWT_SIGNING_READ_KEY"),
    *("WEED_JWT_FILER_SIGNING_KEY", "WEED_JWT_FILER_SIGNING_READ_KEY"),
)


def test_the_database_is_of_the_embedded_version() -> None:
    """A newer server than the programs in the image could not be backed up by them."""
    (major,) = re.findall(r"^pgvector/pgvector:pg(\d+)$", COMPOSE["db"]["image"])
    assert int(major) == tools_major()
    volume = next(one for one in COMPOSE["db"]["volumes"] if one.startswith("db"))
    assert volume == f"db{major}:/var/lib/postgresql"  # not the volume of another version


def shell(script: str, *, path: Path, env: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    """A command of the file as the container's shell gets it."""
    return subprocess.run(
        ["sh", "-ec", script.replace("$$", "$")],
        env={"PATH": f"{path}:{os.environ['PATH']}", **env},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def program(folder: Path, name: str, text: str) -> Path:
    made = folder / name
    made.write_text(f"#!/bin/sh\n{text}\n")
    made.chmod(0o755)
    return made


@pytest.mark.parametrize("missing", S3_NAMES)
def test_the_image_store_does_not_start_without_a_key(tmp_path: Path, missing: str) -> None:
    (script,) = COMPOSE["s3"]["command"]
    entry = program(tmp_path, "entry", 'env; echo "args: $*"')
    script = script.replace("/entrypoint.sh", str(entry))
    given = {name: f"value-of-{name}" for name in S3_NAMES}
    started = shell(script, path=tmp_path, env=given)
    assert started.returncode == 0, started.stderr
    assert "args: server -dir=/data" in started.stdout

    del given[missing]
    refused = shell(script, path=tmp_path, env=given)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == f"{missing} is not set\n"

    file = tmp_path / "secret"
    file.write_text("from a file")
    from_file = shell(script, path=tmp_path, env={**given, f"{missing}_FILE": str(file)})
    assert f"{missing}=from a file\n" in from_file.stdout


def test_valkey_does_not_start_without_a_password(tmp_path: Path) -> None:
    script = COMPOSE["valkey"]["command"][-1]
    program(tmp_path, "valkey-server", "cat")
    program(tmp_path, "valkey-cli", 'test "$REDISCLI_AUTH" = hidden && echo PONG')
    refused = shell(script, path=tmp_path, env={})
    assert refused.returncode != 0
    assert "requirepass" not in refused.stdout
    file = tmp_path / "password"
    file.write_text("hidden")
    health = COMPOSE["valkey"]["healthcheck"]["test"][1]
    for env in ({"VALKEY_PASSWORD": "hidden"}, {"VALKEY_PASSWORD_FILE": str(file)}):
        assert "requirepass hidden\n" in shell(script, path=tmp_path, env=env).stdout
        assert shell(health, path=tmp_path, env=env).returncode == 0
    assert shell(health, path=tmp_path, env={"VALKEY_PASSWORD": "other"}).returncode != 0


def test_the_roles_passwords_come_from_files_as_well(tmp_path: Path) -> None:
    script = (ROOT / "deploy/postgres-init.sh").read_text()
    program(tmp_path, "psql", "env | grep PASSWORD; cat")
    refused = shell(script, path=tmp_path, env={"POSTGRES_USER": "postgres"})
    assert refused.returncode != 0
    assert "CAMPUS_OWNER_PASSWORD" in refused.stderr
    env = {"POSTGRES_USER": "postgres", "CAMPUS_APP_PASSWORD": "a-b-c"}
    for name in ("CAMPUS_OWNER_PASSWORD", "CAMPUS_BACKUP_PASSWORD"):
        file = tmp_path / name
        file.write_text(f"file of {name}")
        env[f"{name}_FILE"] = str(file)
    made = shell(script, path=tmp_path, env=env)
    assert made.returncode == 0, made.stderr
    assert "CAMPUS_OWNER_PASSWORD=file of CAMPUS_OWNER_PASSWORD" in made.stdout
    assert "CAMPUS_APP_PASSWORD=a-b-c" in made.stdout
    assert "create role campus_backup" in made.stdout


# --- deploy/compose.secrets.yml ----------------------------------------------------------------


def files_of(service: str) -> dict[str, str]:
    """Variable → the secret that its file is."""
    given: dict[str, Any] = OVERRIDE["services"][service]["environment"]
    return {
        name.removesuffix("_FILE"): value.removeprefix(FILES)
        for name, value in given.items()
        if name.endswith("_FILE")
    }


@pytest.mark.parametrize("service", COMPOSE)
def test_each_service_has_the_files_that_it_reads_and_no_others(service: str) -> None:
    files = files_of(service)
    assert sorted(files.values()) == sorted(OVERRIDE["services"][service]["secrets"])
    assert set(files.values()) <= OVERRIDE["secrets"].keys()
    for name in files:  # both at once would be refused
        assert OVERRIDE["services"][service]["environment"][name] == ""
        assert name in COMPOSE[service]["environment"]


def test_no_secret_is_left_to_variables() -> None:
    """Of what compose cannot do without."""
    asked = {"SECRET_KEY", "CAMPUS_MASTER_KEY", "DATABASE_URL", "REDIS_URL", *S3_NAMES[:2]}
    for service in ("web", "worker", "faces", "beat", "migrate", "models"):
        assert asked <= files_of(service).keys() <= set(SECRETS)
    knowing = {name for name in COMPOSE if "database_owner_url" in files_of(name).values()}
    assert knowing == {"migrate"}
    assert set(S3_NAMES) == files_of("s3").keys()


def make_secrets(folder: Path) -> None:
    command = ["sh", str(ROOT / "deploy/make-secrets.sh"), str(folder)]
    subprocess.run(command, check=True, timeout=30)


def test_the_script_writes_every_file_once(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    make_secrets(folder)
    made = {path.name: path.read_text() for path in folder.iterdir()}
    assert made.keys() == OVERRIDE["secrets"].keys()
    assert {one["file"] for one in OVERRIDE["secrets"].values()} == {f"./secrets/{n}" for n in made}
    random = [text for text in made.values() if "://" not in text]
    assert all(re.fullmatch("[0-9a-f]{64}", text) for text in random)
    assert len(set(random)) == len(random)
    assert made["campus_app_password"] in made["database_url"]
    assert made["campus_owner_password"] in made["database_owner_url"]
    assert made["valkey_password"] in made["redis_url"]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o444}
    (folder / "secret_key").unlink()
    make_secrets(folder)
    again = {path.name: path.read_text() for path in folder.iterdir()}
    assert again.pop("secret_key") != made.pop("secret_key")
    assert again == made


def test_the_settings_read_these_files(tmp_path: Path) -> None:
    make_secrets(tmp_path / "secrets")
    given = {
        name: str(value).replace(FILES, f"{tmp_path}/secrets/")
        for name, value in OVERRIDE["services"]["worker"]["environment"].items()
    }
    read_secret_files(given)
    assert given["DATABASE_URL"] == (tmp_path / "secrets/database_url").read_text()
    assert not [name for name in given if name.endswith("_FILE")]
    assert all(given.values())
