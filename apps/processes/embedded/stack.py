"""Both embedded servers as one."""

from collections.abc import Mapping
from types import TracebackType
from typing import Self

from apps.processes.embedded.layout import Layout
from apps.processes.embedded.postgres import EmbeddedPostgres
from apps.processes.embedded.server import EmbeddedServer
from apps.processes.embedded.valkey import EmbeddedValkey


class EmbeddedStack:
    """PostgreSQL and Valkey of one `var`; either can be left out.

    Start it from a thread that lives as long as the servers should (the main one): on Linux they
    end with the thread that started them.
    """

    def __init__(
        self,
        layout: Layout,
        *,
        postgres: bool = True,
        valkey: bool = True,
        postgres_options: Mapping[str, str] | None = None,
        valkey_options: Mapping[str, str] | None = None,
    ) -> None:
        self.layout = layout
        self.servers: list[EmbeddedServer] = []
        if postgres:
            self.servers.append(EmbeddedPostgres(layout, options=postgres_options))
        if valkey:
            self.servers.append(EmbeddedValkey(layout, options=valkey_options))

    @property
    def is_running(self) -> bool:
        return all(server.is_running for server in self.servers)

    def start(self) -> None:
        """Start what does not run yet. Raises EmbeddedError, with nothing left running."""
        try:
            for server in self.servers:
                server.start()
        except BaseException:
            self.stop()
            raise

    def restart_dead(self) -> list[str]:
        """Start servers that died under us again; their titles. Raises EmbeddedError."""
        dead = [server for server in self.servers if not server.is_running]
        for server in dead:
            server.stop()
            server.start()
        return [server.title for server in dead]

    def stop(self) -> None:
        for server in reversed(self.servers):
            server.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
