"""The one client for requests of ours: whom it asks, whom it never reaches, how long it waits."""

import ast
import errno
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from apps.common.http import (
    AddressRefused,
    HttpAnswer,
    HttpClient,
    Limits,
    NoAnswer,
    SessionError,
    Target,
)
from apps.common.peers import is_public

ROOT = Path(__file__).resolve().parents[2]
CLIENT = {"apps/common/http.py", "apps/common/connections.py", "apps/common/mail.py"}
NETWORK = {
    *("requests", "urllib3", "httpx", "aiohttp", "pycurl", "http.client", "urllib.request"),
    *("urllib.error", "socket", "ssl", "ftplib", "telnetlib", "xmlrpc.client"),
    *("google.auth.transport", "prometheus_client.bridge"),
    *("smtplib", "imaplib", "poplib", "django.core.mail.backends.smtp"),
    *("boto3", "botocore", "storages.backends", "pymysql"),
}
# What servers say, and what sends by the client.
WORDS_ALONE = {
    "apps/common/s3.py": {"botocore", "storages.backends", "urllib3"},  # sends by the client
    "apps/backup/targets.py": {"boto3", "botocore"},  # copies of any size, by workers alone
    "campus/settings/images.py": {"botocore"},
    "apps/notifications/channels/email.py": {"smtplib"},  # its exceptions
    "apps/lti/services/asking.py": {"requests.utils"},  # reads one header
    "apps/oneroster/services/asking.py": {"requests.utils"},  # likewise
    "apps/old_databases/mysql.py": {"pymysql"},  # an operator names the server, by a command
    "apps/ops/deploy_checks.py": {"django.core.mail.backends.smtp"},  # whether it is one
}
# Sockets that send nothing to others.
LOCAL_SOCKETS = {
    "apps/ops/bringup.py": "binds a port to see whether it is free",
    "apps/ops/phones.py": "asks for the machine's own address; sends nothing",
    "apps/processes/embedded/valkey.py": "a unix socket of the embedded server",
}
QUICK = Limits(connect=0.5, whole=0.5, body=1000)
PUBLIC = "93.184.216.34"


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def opens_connections(name: str) -> bool:
    return any(name == module or name.startswith(f"{module}.") for module in NETWORK)


def test_no_other_module_opens_connections() -> None:
    found: dict[str, set[str]] = {}
    for folder in ("apps", "campus"):
        for path in (ROOT / folder).rglob("*.py"):
            place = str(path.relative_to(ROOT))
            names = set(filter(opens_connections, imported(ast.parse(path.read_text()))))
            known = WORDS_ALONE.get(place, set())
            names = {name for name in names if not any(name.startswith(word) for word in known)}
            if names:
                found[place] = names
    assert found.keys() >= CLIENT
    local = {path for path, names in found.items() if names == {"socket"}} & LOCAL_SOCKETS.keys()
    assert found.keys() - local == CLIENT


# --- Addresses -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "https://127.0.0.1:8443\\.notify.windows.com/x",
        "https://127.0.0.1:8443%5C.notify.windows.com/x",
        "https://127.0.0.1/.notify.windows.com",
        "https://127.0.0.1?.notify.windows.com",
        "https://127.0.0.1#.notify.windows.com",
        "https://a@b.notify.windows.com/x",
        "https://:@b.notify.windows.com/x",
        "https://notify.windows.com/x",
        "https://.notify.windows.com/x",
        "https://a..notify.windows.com/x",
        "https://a_b.notify.windows.com/x",
        "https://notify.windows.com.evil.example/x",
        "https://evilnotify.windows.com/x",
        "https://b.notify.windows.com./x",
        "https://b.notify.windows.com:8443/x",
        "http://b.notify.windows.com/x",
        "https://b.notify.windows.com /x",
        "https://b.notify.windows.com/x\r\nHost: c",
        "https://b.notify.windows.com/\tx",
        "https://b\u3002notify.windows.com/x",
        "https://[::1]:443/.notify.windows.com",
        "//b.notify.windows.com/x",
        "ftp://b.notify.windows.com/x",
        "https://",
        "",
    ],
)
def test_what_is_not_below_the_suffix_is_refused(address: str) -> None:
    client = HttpClient(origins=lambda: ["https://*.notify.windows.com"])
    assert not client.allows(address)
    with pytest.raises(AddressRefused):
        client.request("POST", address)


@pytest.mark.parametrize(
    ("origin", "address", "expected"),
    [
        ("https://*.notify.windows.com", "https://db5p.notify.windows.com/w/?token=a", True),
        ("https://*.notify.windows.com", "https://a.b.notify.windows.com/w", True),
        ("https://*.notify.windows.com", "https://DB5P.Notify.Windows.com:443/w", True),
        ("https://fcm.googleapis.com", "https://fcm.googleapis.com/fcm/send/a", True),
        ("https://fcm.googleapis.com", "https://x.fcm.googleapis.com/fcm/send/a", False),
        ("https://push.example:8443", "https://push.example:8443/a", True),
        ("https://push.example:8443", "https://push.example/a", False),
        ("https://*", "https://push.example/a", False),
        ("nonsense", "https://push.example/a", False),
    ],
)
def test_origins_are_exact_or_names_below(origin: str, address: str, expected: bool) -> None:
    assert Target.of(address).lies_in(origin) is expected


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1"),
        *("169.254.169.254", "100.64.0.1", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1"),
        *("224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "168.63.129.16"),
        *("192.0.0.8", "192.0.0.192", "3fff::1", "64:ff9b::c000:c0"),
        *("::", "::1", "fe80::1", "fe80::1%1", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1"),
        *("::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "64:ff9b::7f00:1"),
        *("64:ff9b::a00:1", "64:ff9b:1::1", "2001:db8::1", "2001::1", "2002:7f00:1::", "x", ""),
    ],
)
def test_machines_that_are_not_on_the_public_internet(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", PUBLIC, "2606:4700:4700::1111", "64:ff9b::808:808", "2a00:1450::1"]
)
def test_machines_that_are(address: str) -> None:
    assert is_public(address)


# --- A server of our own -------------------------------------------------------------------------


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.heard.append(self.path)  # type: ignore[attr-defined]
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/elsewhere")
        else:
            self.send_response(200)
        body = b"x" * (5_000 if self.path == "/large" else 5)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(body)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: Any) -> None:
        """Not on the tests' output."""


class Local:
    def __init__(self, server: Any) -> None:
        self.heard: list[str] = server.heard
        self.port: int = server.server_port
        self.place = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.place}"


@pytest.fixture
def local() -> Iterator[Local]:
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.heard = []
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield Local(server)
    server.shutdown()
    server.server_close()
    thread.join()


def test_loopback_is_asked_only_where_exactly_this_place_is_named(
    local: Local, settings: Any
) -> None:
    client = HttpClient(limits=QUICK)
    for named in ([], ["127.0.0.1"], ["127.0.0.1:1"], [f"localhost:{local.port}"]):
        settings.OUTGOING_PRIVATE_ADDRESSES = named
        for address in (local.url, local.url.replace("http", "https")):
            with pytest.raises(AddressRefused):
                client.request("GET", address)
    assert local.heard == []
    settings.OUTGOING_PRIVATE_ADDRESSES = [local.place]
    answer = client.request("GET", f"{local.url}/a?b=1")
    assert (answer.status, answer.body, local.heard) == (200, b"xxxxx", ["/a?b=1"])


def names(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """A resolver that gives these addresses, each time it is asked the next; returns who asked."""
    asked: list[str] = []
    remaining = list(answers)

    def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        found = remaining.pop(0) if len(remaining) > 1 else remaining[0]
        kinds = {True: socket.AF_INET6, False: socket.AF_INET}
        return [
            (kinds[":" in address], socket.SOCK_STREAM, 6, "", (address, port)) for address in found
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


@pytest.fixture
def no_connections(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    tried: list[Any] = []
    monkeypatch.setattr(socket.socket, "connect", lambda self, place: tried.append(place))
    return tried


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], [PUBLIC, "10.0.0.1"], ["::1"], ["::ffff:127.0.0.1"], ["169.254.169.254"]],
)
def test_a_name_that_leads_inside_is_not_connected_to(
    addresses: list[str], monkeypatch: pytest.MonkeyPatch, no_connections: list[Any]
) -> None:
    names(monkeypatch, addresses)
    with pytest.raises(AddressRefused, match="public internet"):
        HttpClient().request("GET", "https://hooks.example/x")
    assert no_connections == []


def test_a_name_is_resolved_once_and_what_was_checked_is_connected_to(
    monkeypatch: pytest.MonkeyPatch, no_connections: list[Any]
) -> None:
    """DNS rebinding: a second look-up would lead to loopback."""
    asked = names(monkeypatch, [PUBLIC], ["127.0.0.1"])
    with pytest.raises((NoAnswer, AddressRefused)):
        HttpClient(limits=QUICK).request("GET", "https://hooks.example/x")
    assert asked == ["hooks.example"]
    assert no_connections == [(PUBLIC, 443)]


def test_a_machine_without_ipv6_connects_by_ipv4(
    monkeypatch: pytest.MonkeyPatch, no_connections: list[Any]
) -> None:
    class OldSocket(socket.socket):
        def __init__(self, family: int = socket.AF_INET, *rest: Any) -> None:
            if family == socket.AF_INET6:
                raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
            super().__init__(family, *rest)

    answers = [
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("2606:4700::1111", 443, 0, 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (PUBLIC, 443)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: answers)
    monkeypatch.setattr(socket, "socket", OldSocket)
    with pytest.raises((NoAnswer, AddressRefused)):
        HttpClient(limits=QUICK).request("GET", "https://hooks.example/x")
    assert no_connections == [(PUBLIC, 443)]


def test_the_peer_itself_is_looked_at(local: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the name said: who answers is asked once more."""
    names(monkeypatch, [PUBLIC])
    real = socket.socket.connect
    monkeypatch.setattr(
        socket.socket, "connect", lambda self, _place: real(self, ("127.0.0.1", local.port))
    )
    with pytest.raises(AddressRefused, match=r"127\.0\.0\.1"):
        HttpClient().request("GET", "https://hooks.example/x")
    assert local.heard == []


def test_numbers_in_other_spellings_lead_nowhere() -> None:
    for host in ("2130706433", "0x7f000001", "0177.0.0.1", "127.1", "[::ffff:7f00:1]", "localhost"):
        with pytest.raises((AddressRefused, NoAnswer)):
            HttpClient(limits=QUICK).request("GET", f"https://{host}/x")


def test_redirects_are_not_followed(local: Local, settings: Any) -> None:
    settings.OUTGOING_PRIVATE_ADDRESSES = [local.place]
    answer = HttpClient(limits=QUICK).request("GET", f"{local.url}/moved")
    assert (answer.status, local.heard) == (302, ["/moved"])
    with pytest.raises(SessionError):
        HttpClient(limits=QUICK).session().get(f"{local.url}/moved")
    assert local.heard == ["/moved"] * 2


def test_an_answer_is_bounded_and_the_next_one_comes_all_the_same(
    local: Local, settings: Any
) -> None:
    settings.OUTGOING_PRIVATE_ADDRESSES = [local.place]
    client = HttpClient(limits=QUICK)
    for _again in range(3):
        with pytest.raises(NoAnswer):
            client.request("GET", f"{local.url}/large")
        assert client.request("GET", local.url).body == b"xxxxx"


def test_a_session_of_requests_goes_the_same_way(local: Local, settings: Any) -> None:
    session = HttpClient(origins=lambda: [local.url], limits=QUICK).session()
    with pytest.raises(SessionError):
        session.get(local.url)
    settings.OUTGOING_PRIVATE_ADDRESSES = [local.place]
    answer = session.post(f"{local.url}/form", data={"a": "b"}, params={"c": "d"})
    assert (answer.status_code, answer.text, local.heard) == (200, "xxxxx", ["/form?c=d"])
    with pytest.raises(SessionError):
        session.get("https://elsewhere.example/")


# --- Slow and broken servers ---------------------------------------------------------------------

Talk = Callable[[socket.socket, threading.Event], None]


@contextmanager
def talking(talk: Talk) -> Iterator[str]:
    """A server that does this with each connection; host:port."""
    over = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _peer = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve_one, args=(connection,), daemon=True).start()

    def serve_one(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            talk(connection, over)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def dripping(start: bytes, drop: bytes) -> Talk:
    """A byte now and then, for as long as anybody listens: no single wait is long."""

    def talk(connection: socket.socket, over: threading.Event) -> None:
        connection.recv(65536)
        connection.sendall(start)
        while not over.wait(0.02):
            connection.sendall(drop)

    return talk


def saying(answer: bytes) -> Talk:
    def talk(connection: socket.socket, _over: threading.Event) -> None:
        connection.recv(65536)
        connection.sendall(answer)

    return talk


def silent(_connection: socket.socket, over: threading.Event) -> None:
    over.wait()


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "talk",
    [
        silent,
        dripping(OK + b"Content-Length: 900\r\n\r\n", b"x"),
        dripping(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        dripping(OK, b"X: y\r\n"),
        dripping(b"", b"H"),
        dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        saying(b""),
        saying(b"\x16\x03\x01 not HTTP at all\r\n\r\n"),
        saying(b"HTTP/1.1 abc OK\r\n\r\n"),
        saying(OK + b"Content-Length: 100\r\n\r\nshort"),
        saying(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
        saying(OK + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n"),
        dripping(OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n", b"T: x\r\n"),
        saying(OK + b"X: " + b"y" * 70_000 + b"\r\n\r\n"),
        saying(OK + b"X: y\r\n" * 200 + b"\r\n"),
        saying(OK + b"\r\n" + b"x" * 5_000),
    ],
    ids=lambda talk: talk.__qualname__.partition(".")[0],
)
def test_what_is_no_whole_answer_in_time_is_none(talk: Talk, settings: Any) -> None:
    with talking(talk) as place:
        settings.OUTGOING_PRIVATE_ADDRESSES = [place]
        client = HttpClient(limits=QUICK)
        for _again in range(2):  # the pool has not lost its connection
            with pytest.raises(NoAnswer):
                client.request("POST", f"http://{place}/", body=b"x")


def test_a_body_that_nobody_takes_has_an_end(settings: Any) -> None:
    with talking(silent) as place:
        settings.OUTGOING_PRIVATE_ADDRESSES = [place]
        with pytest.raises(NoAnswer):
            HttpClient(limits=QUICK).request("POST", f"http://{place}/", body=b"x" * (64 << 20))


def test_tls_that_is_never_agreed_has_an_end(settings: Any) -> None:
    with talking(silent) as place:
        settings.OUTGOING_PRIVATE_ADDRESSES = [place]
        with pytest.raises(NoAnswer):
            HttpClient(limits=QUICK).request("GET", f"https://{place}/")


def test_a_name_that_never_resolves_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_k: over.wait())
    with pytest.raises(NoAnswer):
        HttpClient(limits=QUICK).request("GET", "https://hooks.example/x")
    over.set()


def test_a_name_that_does_not_exist_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def getaddrinfo(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with pytest.raises(NoAnswer):
        HttpClient().request("GET", "https://hooks.example/x")


def test_certificates_are_checked() -> None:
    pool = HttpClient()._pools.connection_from_host("hooks.example", 443, "https")
    connection = pool._new_conn()
    assert getattr(connection, "cert_reqs", None) in (None, ssl.CERT_REQUIRED)


def test_json_of_any_depth_is_an_error_and_not_a_crash() -> None:
    answer = HttpAnswer(status=200, headers={}, body=b"[" * 100_000)
    with pytest.raises(ValueError, match="deeply"):
        answer.json()
    assert answer.object() == {}


def test_a_gateway_may_be_named_by_its_ipv6_address(settings: Any) -> None:
    client = HttpClient()
    with pytest.raises(AddressRefused):
        client.request("GET", "https://[::1]:1/")
    settings.OUTGOING_PRIVATE_ADDRESSES = ["[::1]:1"]
    with pytest.raises(NoAnswer):
        client.request("GET", "https://[::1]:1/")
