"""What `manage.py up` does, step by step."""

import os
import socket
import threading
import time
from dataclasses import dataclass, replace
from datetime import datetime
from io import StringIO
from pathlib import Path

from django.conf import settings
from django.core.management import CommandError, call_command, get_commands
from django.db import connections
from django.urls import reverse

from apps.audit.services import SYSTEM
from apps.common.errors import Refused
from apps.common.http import HttpClient, Limits, NoAnswer
from apps.ops.first_hour.campuses import is_set_up
from apps.ops.first_hour.links import setup_link_make
from apps.ops.fleet import platform_services
from apps.ops.heartbeats import all_live
from apps.ops.phones import PhoneAddress, phone_address, qr_lines
from apps.ops.queues import queue_names
from apps.processes.embedded import EmbeddedPostgres, EmbeddedStack, Layout
from apps.processes.forked import start_fork_server
from apps.processes.output import ROUTINE, PrefixedOutput, Terminal
from apps.processes.spawning import wait_until
from apps.processes.supervisor import OUR_NAME, Service, Supervisor
from apps.tenants.models import Campus

ANY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104  (compared with, never bound)
PROBE_SECONDS = 0.3
WORKERS_SECONDS = 30.0  # longer than workers and beat take; it is said that all is ready then
PORT_SECONDS = 3.0
MORE_PORTS = 20  # that are tried where the one that was asked for is taken
LAST_PORT = 65_535
PROBE = Limits(connect=2.0, whole=2.0)
LOAD_DEMO = "load_demo"  # a command of the demo app, which production does not install


@dataclass(frozen=True, kw_only=True)
class UpOptions:
    host: str
    port: int
    demo: bool = False
    phones: bool = False
    services_only: bool = False
    routine: bool = False  # also what the workers say when nothing happens

    @property
    def address(self) -> str:
        """The web address for a browser on this machine."""
        host = "localhost" if self.host in (*ANY_ADDRESS, "127.0.0.1", "::1") else self.host
        return f"http://{host}:{self.port}/"


def bring_up(*, options: UpOptions, stream: Terminal, now: datetime) -> None:
    """Run the platform until a stop signal.

    Raises EmbeddedError when a server cannot run, CommandError for anything else that is wrong.
    """
    if options.demo:
        check_demo_is_installed()
    stack = needed_servers()
    names = [OUR_NAME, "web", "phones", "beat", "worker", "faces"]
    output = PrefixedOutput(stream, names=names, hidden=None if options.routine else ROUTINE)
    if options.services_only:
        run_servers(stack, output=output)
        return
    options = with_free_port(options, output=output)
    # With servers of others, nothing else has made the folder: beat keeps its schedule in it.
    Path(settings.CAMPUS_VAR).mkdir(mode=0o700, parents=True, exist_ok=True)
    with stack:
        for server in stack.servers:
            output.line(OUR_NAME, f"{server.title} runs in {server.data}.")
        phones = None
        if options.phones:
            phones = address_for_phones(options, output=output, now=now)
        start_fork_server()
        sign_ins = prepare(options=options, output=output, phones=phones, now=now)
        var = Path(settings.CAMPUS_VAR)
        services = platform_services(host=options.host, port=options.port, var=var, phones=phones)
        announcement = StartNotice(options.address, output=output, phones=phones, last=sign_ins)
        try:
            supervise(services, stack=stack, output=output, announcement=announcement)
        finally:
            announcement.say_last()
    output.line(OUR_NAME, "Stopped.")


def address_for_phones(
    options: UpOptions, *, output: PrefixedOutput, now: datetime
) -> PhoneAddress | None:
    """Where phones in this network will reach us, on the next port; None, said, where not."""
    folder = Path(settings.CAMPUS_VAR) / "phones"
    found = phone_address(port=options.port + 1, folder=folder, now=now)
    problem = "this machine has no address in a network"
    if found:
        problem = listening_problem(host=found.host, port=found.port) or ""
    if problem:
        output.line(OUR_NAME, f"There is no address for phones: {problem}.")
        return None
    return found


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
    layout = Layout(Path(settings.CAMPUS_VAR))
    runs_postgres = not os.environ.get("DATABASE_URL")
    return EmbeddedStack(
        layout,
        postgres=runs_postgres,
        valkey=not os.environ.get("REDIS_URL"),
        postgres_options=archiving_options(layout) if runs_postgres else None,
    )


def archiving_options(layout: Layout) -> dict[str, str]:
    """The log of changes is kept for the backups, where there are any."""
    return EmbeddedPostgres.archiving(layout) if settings.BACKUP_TO else {}


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


def with_free_port(options: UpOptions, *, output: PrefixedOutput) -> UpOptions:
    """The same options with a port that is free: the one that was asked for, or, said, the next.

    Waits a moment first: the web server of an `up` that was just killed is about to leave. Raises
    CommandError where the address itself is none of this machine's, or no port near is free.
    """
    host, port = options.host, options.port
    if wait_until(lambda: listening_problem(host=host, port=port) is None, timeout=PORT_SECONDS):
        return options
    problem = listening_problem(host=host, port=port)
    for other in range(port + 1, min(port + 1 + MORE_PORTS, LAST_PORT + 1)):
        if listening_problem(host=host, port=other) is None:
            output.line(OUR_NAME, f"Port {port} is taken ({problem}): using {other} instead.")
            return replace(options, port=other)
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


def prepare(
    *, options: UpOptions, output: PrefixedOutput, now: datetime, phones: PhoneAddress | None = None
) -> str:
    """Bring tables, face models and, if wanted, the demo campus up to date.

    Returns what is said last: the demo's sign-ins, which are shown this once, or the link that
    sets an empty installation up.
    """
    said = StringIO()
    output.line(OUR_NAME, "Applying migrations.")
    call_command("migrate", interactive=False, verbosity=0)
    try:
        call_command("fetch_models", missing_only=True)
    except CommandError as error:
        # Everything but faces works without them; check-ins wait as pending until they are there.
        output.line(OUR_NAME, f"Faces cannot be checked yet: {error}")
        output.line(OUR_NAME, "Run `manage.py fetch_models` once the cause is gone.")
    if options.demo:
        hosts = [phones.host] if phones else []
        output.line(OUR_NAME, "Loading the demo campus.")
        call_command(LOAD_DEMO, address=options.address, host=hosts, stdout=said)
    said.write(invitation_to_set_up(options.address, now=now))
    connections.close_all()
    return said.getvalue()


def invitation_to_set_up(address: str, *, now: datetime) -> str:
    """What to say of an installation without campus and administrator; "" for any other."""
    if is_set_up() or Campus.objects.exists():
        return ""
    try:
        token = setup_link_make(now=now, actor=SYSTEM)
    except Refused as refusal:
        return f"{refusal.message}\n"
    path = reverse("set_up", kwargs={"token": token})
    lines = (
        "This installation is empty. Set it up in a browser, once and within an hour:",
        f"  {address.rstrip('/')}{path}",
        f"For another link: manage.py setup_link --address {address}",
    )
    return "\n".join(lines)


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
    """Says where the platform is, once it answers there and workers and beat give a sign of life.

    Where these do not, it says so as well after `WORKERS_SECONDS`: pages work without them.
    """

    def __init__(
        self,
        address: str,
        *,
        output: PrefixedOutput,
        phones: PhoneAddress | None = None,
        last: str = "",
    ) -> None:
        self._last = last
        self._address = address
        self._phones = phones
        self._output = output
        self._since = time.time()
        self._answered = threading.Event()
        self._made = False
        threading.Thread(target=self._wait_for_answer, daemon=True).start()

    def make_when_due(self) -> None:
        if self._made or not self._answered.is_set():
            return
        self._made = True
        self._output.line(OUR_NAME, "")
        self._output.line(OUR_NAME, f"Campus is ready at {self._address}")
        for line in self._lines_for_phones():
            self._output.line(OUR_NAME, line)
        self._output.line(OUR_NAME, "Press Ctrl-C to stop.")
        self._output.line(OUR_NAME, "")
        self.say_last()

    def say_last(self) -> None:
        """The sign-ins, once: below everything else, or when it stops before it was ready."""
        for line in self._last.strip("\n").split("\n") if self._last else ():
            self._output.line(OUR_NAME, line)
        self._last = ""

    def _lines_for_phones(self) -> list[str]:
        if self._phones is None:
            return []
        return [
            "",
            *qr_lines(self._phones.origin),
            f"On a phone in the same network: {self._phones.origin}",
            "The phone asks once whether to go on: this machine has made the certificate itself.",
            "",
        ]

    def _wait_for_answer(self) -> None:
        while not answers(f"{self._address}readyz"):
            time.sleep(PROBE_SECONDS)
        until = time.monotonic() + WORKERS_SECONDS
        while not all_live(queues=queue_names(), since=self._since) and time.monotonic() < until:
            time.sleep(PROBE_SECONDS)
        self._answered.set()


def answers(url: str) -> bool:
    """Whether the platform works there; a refusal (4xx) is an answer, a server error is none."""
    try:
        answer = HttpClient(trusted=True, limits=PROBE).request("GET", url)
    except NoAnswer:
        return False
    return answer.status < 500
