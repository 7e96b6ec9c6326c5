"""A real PgBouncer in transaction mode in front of the application role's database."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from apps.processes.spawning import exited, spawn, wait_until

PORT = 6432  # names the socket; no TCP port is opened
FACTS = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
SERVERS = 8  # PostgreSQL's side: fewer than the threads of the tests, so that they share
READY_SECONDS = 20.0


def find_pgbouncer() -> Path | None:
    """Debian's package puts it where ordinary users do not look."""
    found = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    return Path(found) if found else None


class Pooler:
    """PgBouncer for one database, given as Django's settings name it.

    Start it from a thread that lives as long as it should.
    """

    port = PORT

    def __init__(self, database: Mapping[str, Any], folder: Path) -> None:
        self._target = {name: str(database.get(name) or "") for name in FACTS}
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The same database, reached through the pooler."""
        place = quote(str(self.folder), safe="")
        return f"postgresql://{quote(self._target['USER'])}@{place}:{PORT}/{self._target['NAME']}"

    @property
    def log(self) -> Path:
        return self.folder / "pgbouncer.log"

    def _configuration(self) -> str:
        name = self._target["NAME"]
        facts = {**self._target, "PORT": self._target["PORT"] or "5432"}
        server = " ".join(f"{FACTS[key]}='{value}'" for key, value in facts.items() if value)
        return f"""
[databases]
{name} = {server}
[pgbouncer]
listen_addr =
listen_port = {PORT}
unix_socket_dir = {self.folder}
auth_type = any
pool_mode = transaction
default_pool_size = {SERVERS}
max_client_conn = 200
query_wait_timeout = 30
server_login_retry = 0.1
server_check_delay = 0
logfile = {self.log}
pidfile =
"""

    def __enter__(self) -> Self:
        program = find_pgbouncer()
        assert program is not None, "no pgbouncer on this machine"
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        ini = self.folder / "pgbouncer.ini"
        ini.write_text(self._configuration())
        self._process = process = spawn(
            [program, "--quiet", ini], drop_root=True, output=subprocess.DEVNULL
        )
        wait_until(lambda: process.poll() is not None or self._answers(), timeout=READY_SECONDS)
        assert self._answers(), f"PgBouncer did not start: {self._read_log()}"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGTERM)
            if not exited(process, within=5):
                process.kill()
                process.wait()

    def _answers(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(self.folder / f".s.PGSQL.{PORT}"))
        except OSError:
            return False
        return True

    def _read_log(self) -> str:
        return self.log.read_text()[-1500:] if self.log.exists() else "no log"
