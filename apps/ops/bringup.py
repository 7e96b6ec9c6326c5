"""What `manage.py up` does, step by step."""

import os
import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core.management import CommandError, call_command, get_commands
from django.db import connections

from apps.common.http import HttpClient, Limits, NoAnswer
from apps.ops.embedded import EmbeddedStack, Layout
from apps.ops.fleet import platform_services
from apps.ops.output import PrefixedOutput, Terminal
from apps.ops.processes import wait_until
from apps.ops.supervisor import OUR_NAME, Service, Supervisor

ANY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104  (compared with, never bound)
PROBE_SECONDS = 0.3
PORT_SECONDS = 3.0
PROBE = Limits(connect=2.0, whole=2.0)
LOAD_DEMO = "load_demo"  # a command of the demo app, which production does not install


@dataclass(frozen=True, kw_only=True)
class UpOptions:
    host: str
    port: int
    demo: bool = False
    services_only: bool = False

    @property
    def address(self) -> str:
        """The web address for a browser on this machine."""
        host = "localhost" if self.host in (*ANY_ADDRESS, "127.0.0.1", "::1") else self.host
        return f"http://{host}:{self.port}/"


def bring_up(*, options: UpOptions, stream: Terminal) -> None:
    """Run the platform until a stop signal.

    Raises EmbeddedError when a server cannot run, CommandError for anything else that is wrong.
    """
    if options.demo:
        check_demo_is_installed()
    stack = needed_servers()
    names = [OUR_NAME, "web", "beat", "worker", "faces"]
    output = PrefixedOutput(stream, names=names)
    if options.services_only:
        run_servers(stack, output=output)
        return
    check_port_is_free(host=options.host, port=options.port)
    with stack:
        for server in stack.servers:
            output.line(OUR_NAME, f"{server.title} runs in {server.data}.")
        prepare(options=options, output=output)
        services = platform_services(
            host=options.host, port=options.port, var=Path(settings.CAMPUS_VAR)
        )
        announcement = StartNotice(options.address, output=output)
        supervise(services, stack=stack, output=output, announcement=announcement)
    output.line(OUR_NAME, "Stopped.")


def check_demo_is_installed() -> None:
    """Raises CommandError where these settings have no demo."""
    if LOAD_DEMO not in get_commands():
        message = "These settings do not install apps.demo: start without --demo."
        raise CommandError(message)


def needed_servers() -> EmbeddedStack:
    """The embedded servers that the environment does not replace. Raises CommandError."""
    if os.environ.get("DATABASE_URL") and not os.environ.get("DATABASE_OWNER_URL"):
        message = (
            "DATABASE_URL is set without DATABASE_OWNER_URL, the owner role's address for "
            "migrations: see .env.example."
        )
        raise CommandError(message)
    return EmbeddedStack(
        Layout(Path(settings.CAMPUS_VAR)),
        postgres=not os.environ.get("DATABASE_URL"),
        valkey=not os.environ.get("REDIS_URL"),
    )


def run_servers(stack: EmbeddedStack, *, output: PrefixedOutput) -> None:
    """Only the embedded servers, with the addresses to reach them by."""
    if not stack.servers:
        message = "DATABASE_URL and REDIS_URL are set: there is no embedded server to start."
        raise CommandError(message)
    with stack:
        for name, address in (
            ("DATABASE_URL", stack.layout.app_url),
            ("DATABASE_OWNER_URL", stack.layout.owner_url),
            ("REDIS_URL", stack.layout.redis_url),
        ):
            if not os.environ.get(name):
                output.line(OUR_NAME, f"{name}={address}")
        supervise([], stack=stack, output=output, greeting="Ready. Press Ctrl-C to stop.")
    output.line(OUR_NAME, "Stopped.")


def check_port_is_free(*, host: str, port: int) -> None:
    """Raises CommandError when nobody can listen there.

    Waits a moment first: the web server of an `up` that was just killed is about to leave.
    """
    wait_until(lambda: listening_problem(host=host, port=port) is None, timeout=PORT_SECONDS)
    if problem := listening_problem(host=host, port=port):
        message = f"Cannot listen on {host}:{port} ({problem}). Choose another one with --port."
        raise CommandError(message)


def listening_problem(*, host: str, port: int) -> str | None:
    """Why nobody can listen there, or None."""
    try:
        family, kind, protocol, _name, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except (OSError, OverflowError) as error:
        return getattr(error, "strerror", None) or str(error)
    return None


def prepare(*, options: UpOptions, output: PrefixedOutput) -> None:
    """Bring tables, face models and, if wanted, the demo campus up to date."""
    output.line(OUR_NAME, "Applying migrations.")
    call_command("migrate", interactive=False, verbosity=0)
    try:
        call_command("fetch_models", missing_only=True)
    except CommandError as error:
        # Everything but faces works without them; check-ins wait as pending until they are there.
        output.line(OUR_NAME, f"Faces cannot be checked yet: {error}")
        output.line(OUR_NAME, "Run `manage.py fetch_models` once the cause is gone.")
    if options.demo:
        call_command(LOAD_DEMO, address=options.address)
    connections.close_all()


def supervise(
    services: list[Service],
    *,
    stack: EmbeddedStack,
    output: PrefixedOutput,
    announcement: "StartNotice | None" = None,
    greeting: str = "",
) -> None:
    """Keep services and servers running until a stop signal, which is heeded from the greeting."""

    def tick() -> None:
        for title in stack.restart_dead():
            output.line(OUR_NAME, f"{title} had died and was started again.")
        if announcement:
            announcement.make_when_due()

    cwd = Path(settings.BASE_DIR)
    Supervisor(services, output=output, cwd=cwd, tick=tick, greeting=greeting).run()


class StartNotice:
    """Says where the platform is, once it answers there."""

    def __init__(self, address: str, *, output: PrefixedOutput) -> None:
        self._address = address
        self._output = output
        self._answered = threading.Event()
        self._made = False
        threading.Thread(target=self._wait_for_answer, daemon=True).start()

    def make_when_due(self) -> None:
        if self._made or not self._answered.is_set():
            return
        self._made = True
        self._output.line(OUR_NAME, "")
        self._output.line(OUR_NAME, f"Campus is ready at {self._address}")
        self._output.line(OUR_NAME, "Press Ctrl-C to stop.")
        self._output.line(OUR_NAME, "")

    def _wait_for_answer(self) -> None:
        while not answers(f"{self._address}healthz"):
            time.sleep(PROBE_SECONDS)
        self._answered.set()


def answers(url: str) -> bool:
    """Whether the platform works there; a refusal (4xx) is an answer, a server error is none."""
    try:
        answer = HttpClient(trusted=True, limits=PROBE).request("GET", url)
    except NoAnswer:
        return False
    return answer.status < 500
