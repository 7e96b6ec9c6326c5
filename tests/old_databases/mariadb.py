"""A real MariaDB server for the tests, where one is installed: Debian's `mariadb-server`."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from apps.processes.spawning import exited, spawn, wait_until

READY_SECONDS = 60.0
USER, PASSWORD = "old_reader", "p@ss/w:örd"


def find_mariadb() -> str | None:
    """Debian's package puts it where ordinary users do not look."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    found = shutil.which("mariadbd", path=path)
    return found if found and shutil.which("mariadb-install-db", path=path) else None


class MariaDb:
    """Its own folder, a port of this machine alone, one database and a user who may read it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "s"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        program = find_mariadb()
        if program is None:
            raise RuntimeError
        data, log = self.folder / "data", self.folder / "log"
        account = pwd.getpwuid(os.geteuid()).pw_name
        own = [f"--datadir={data}", f"--user={account}"]
        install = ["mariadb-install-db", "--no-defaults", "--skip-test-db", *own]
        install += ["--auth-root-authentication-method=normal"]
        subprocess.run(install, check=True, capture_output=True, timeout=120)
        more = [f"--socket={self.socket}", f"--port={self.port}", "--bind-address=127.0.0.1"]
        more += ["--skip-log-bin", "--innodb-flush-log-at-trx-commit=0", f"--log-error={log}"]
        self._process = spawn([program, "--no-defaults", *own, *more])
        if not wait_until(self._answers, timeout=READY_SECONDS):
            raise RuntimeError(log.read_text()[-2000:])
        self.run(f"CREATE USER {USER}@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            if not exited(self._process, within=20):
                self._process.kill()

    def _answers(self) -> bool:
        done = subprocess.run(self._client("mariadb-admin", "ping"), **_QUIET)
        return done.returncode == 0

    def _client(self, program: str, *arguments: str) -> list[str]:
        return [program, "--no-defaults", f"--socket={self.socket}", "--user=root", *arguments]

    def run(self, statements: str, database: str = "") -> str:
        """By the server's own client, as its root; what it printed."""
        command = self._client("mariadb", "--default-character-set=utf8mb4", "--batch", database)
        done = subprocess.run(
            [part for part in command if part], input=statements.encode(), **_QUIET
        )
        if done.returncode:
            raise AssertionError(done.stderr.decode())
        return done.stdout.decode()

    def database(self, name: str, statements: str, *, reader: bool = True) -> str:
        """A new database; its address with the user's name."""
        self.run(f"DROP DATABASE IF EXISTS {name}; CREATE DATABASE {name} CHARACTER SET utf8mb4")
        self.run(statements, name)
        if reader:
            self.run(f"GRANT SELECT ON {name}.* TO {USER}@'127.0.0.1'")
        return f"mysql://{USER}@127.0.0.1:{self.port}/{name}"

    def dump(self, name: str, to: Path) -> Path:
        command = self._client("mariadb-dump", "--default-character-set=utf8mb4", name)
        with to.open("wb") as stream:
            subprocess.run(command, check=True, stdout=stream, timeout=60)
        return to


_QUIET = {"capture_output": True, "timeout": 60, "check": False}
