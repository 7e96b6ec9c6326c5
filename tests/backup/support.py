"""A whole installation with servers of its own, which a test may destroy."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from apps.backup.tables import Content, contents_of
from apps.processes.embedded import EmbeddedPostgres, EmbeddedStack, Layout
from tests import template
from tests.ops.running import ROOT, environment

FAST = {"fsync": "off", "shared_buffers": "16MB"}
DEADLINE = 240


class Installation:
    """The embedded servers of one folder, its images, and commands on them."""

    def __init__(
        self, var: Path, *, archives: bool = False, settings: str = "tests.backup.settings"
    ) -> None:
        self.var = var
        self.settings = settings
        self.layout = Layout(var)
        self._archives = archives
        self._stack: EmbeddedStack | None = None

    def migrated(self) -> "Installation":
        """Not started: its database is a copy of the tests' own, under the same keys."""
        template.copy_to(self.layout)
        return self

    def start(self) -> "Installation":
        archiving = EmbeddedPostgres.archiving(self.layout) if self._archives else {}
        self._stack = EmbeddedStack(self.layout, postgres_options={**FAST, **archiving})
        self._stack.start()
        return self

    def stop(self) -> None:
        if self._stack is not None:
            self._stack.stop()

    def destroy(self) -> None:
        """The machine is gone."""
        self.stop()
        shutil.rmtree(self.var)

    def environment(self, **changes: str) -> dict[str, str]:
        settings = {"DJANGO_SETTINGS_MODULE": self.settings, "BACKUP_TO": ""}
        return environment(CAMPUS_VAR=str(self.var), **{**settings, **changes})

    def manage(self, *arguments: str, **changes: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment(**changes),
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )

    def managed(self, *arguments: str, **changes: str) -> str:
        done = self.manage(*arguments, **changes)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def scene(self, *arguments: str, of: str = "tests.backup.scenes") -> Any:
        done = subprocess.run(
            [sys.executable, "-m", of, *arguments],
            cwd=ROOT,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        url = self.layout.superuser_url.rpartition("/")[0] + "/campus"
        with psycopg.connect(url, autocommit=True) as connection:
            cursor = connection.execute(sql.SQL(statement))  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    def contents(self) -> dict[str, Content]:
        url = self.layout.superuser_url.rpartition("/")[0] + "/campus"
        with psycopg.connect(url, autocommit=True, options="-c timezone=UTC") as connection:
            return contents_of(connection)

    def files(self) -> dict[str, bytes]:
        """Every image and file, sealed as it lies there."""
        media = self.var / "media"
        return {
            path.relative_to(media).as_posix(): path.read_bytes()
            for path in media.rglob("*")
            if path.is_file()
        }
