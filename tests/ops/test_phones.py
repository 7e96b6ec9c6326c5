"""The address for phones in the network: its certificate, and what names it."""

import http.server
import ssl
import stat
import threading
import urllib.request
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from django.test import Client
from django.utils import timezone

from apps.attendance.services.register import register_open
from apps.audit.services import SYSTEM
from apps.ops import phones
from apps.ops.fleet import platform_services
from apps.ops.phones import PhoneAddress, phone_address, qr_lines
from apps.tenants.models import Domain
from apps.tenants.scope import campus_scope
from tests.factories import Cast, make_session

LOCAL = "127.0.0.1"


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the loopback address were one in a network: something to connect to."""
    monkeypatch.setattr(phones, "network_address", lambda: LOCAL)


def made(folder: Path, now: datetime) -> PhoneAddress:
    address = phone_address(port=8443, folder=folder, now=now)
    assert address is not None
    return address


@pytest.fixture
def served(local: None, tmp_path: Path) -> Iterator[PhoneAddress]:
    address = made(tmp_path / "phones", timezone.now())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(address.certificate, address.key)
    server = http.server.HTTPServer((LOCAL, 0), http.server.BaseHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield PhoneAddress(
        host=LOCAL, port=server.server_port, certificate=address.certificate, key=address.key
    )
    server.shutdown()
    server.server_close()


def test_a_browser_that_trusts_the_certificate_connects(served: PhoneAddress) -> None:
    context = ssl.create_default_context(cafile=str(served.certificate))
    with pytest.raises(urllib.error.HTTPError) as answer:
        urllib.request.urlopen(f"{served.origin}/c", context=context)
    answer.value.close()
    assert answer.value.code == 501  # the server of this test can do nothing; TLS went through


def test_the_key_is_for_its_owner_alone(local: None, tmp_path: Path) -> None:
    address = made(tmp_path / "phones", timezone.now())
    assert stat.S_IMODE(address.key.stat().st_mode) == 0o600
    assert stat.S_IMODE(address.key.parent.stat().st_mode) == 0o700


def test_the_certificate_stays_until_its_last_week(local: None, tmp_path: Path) -> None:
    """A phone that was told to trust it is not asked at every start."""
    now = timezone.now()

    def certificate(at: datetime) -> bytes:
        return made(tmp_path, at).certificate.read_bytes()

    first = certificate(now)
    assert certificate(now + timedelta(days=80)) == first
    assert certificate(now + timedelta(days=84)) != first


def test_another_address_gets_another_certificate(
    local: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = timezone.now()
    first = made(tmp_path, now).certificate.read_bytes()
    monkeypatch.setattr(phones, "network_address", lambda: "192.0.2.7")
    second = made(tmp_path, now).certificate.read_bytes()
    names = x509.load_pem_x509_certificate(second).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert second != first
    assert [str(name.value) for name in names.value] == ["192.0.2.7"]


def test_without_a_network_there_is_no_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phones, "network_address", lambda: None)
    assert phone_address(port=8443, folder=tmp_path / "phones", now=timezone.now()) is None
    assert not (tmp_path / "phones").exists()


def test_the_servers_know_where_phones_are_heard(local: None, tmp_path: Path) -> None:
    address = made(tmp_path, timezone.now())
    services = {
        service.name: service
        for service in platform_services(host=LOCAL, port=8442, var=tmp_path, phones=address)
    }
    assert services["web"].env["PHONE_ORIGIN"] == "https://127.0.0.1:8443"
    assert "PHONE_ORIGIN" not in services["phones"].env
    assert str(address.key) in services["phones"].command
    assert "phones" not in {
        service.name for service in platform_services(host=LOCAL, port=8442, var=tmp_path)
    }


def test_the_address_is_drawn_for_a_terminal() -> None:
    lines = qr_lines("https://192.0.2.7:8001")
    assert len({len(line) for line in lines}) == 1
    assert set("".join(lines)) <= set(" █▀▄")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("host", "shown"), [("localhost", "192.0.2.7:8001/c"), ("north.example", "north.example/c")]
)
def test_a_projector_on_this_machine_names_it(
    cast: Cast, settings: Any, host: str, shown: str
) -> None:
    """A phone cannot reach “localhost”; who opened the campus by its name reaches it by that."""
    settings.PHONE_ORIGIN = "https://192.0.2.7:8001"
    settings.ALLOWED_HOSTS = ["localhost", "north.example"]
    Domain.objects.get_or_create(host=host, defaults={"campus": cast.campus})
    now = timezone.now()
    with campus_scope(cast.campus):
        session = make_session(cast.course, starts_at=now)
        register_open(session=session, topic="Sets", now=now, actor=SYSTEM)
    client = Client(headers={"host": host})
    client.force_login(cast.lecturer.user)
    page = client.get(f"/teach/sessions/{session.pk}/projector").content.decode()
    assert shown in page
