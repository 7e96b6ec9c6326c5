"""Numbers for monitoring: for who has the key, about every campus, on every host."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.notifications import circuit_breaker
from apps.notifications.models import Delivery
from apps.tenants.scope import campus_scope
from tests.factories import Cast
from tests.notifications.support import tell

pytestmark = pytest.mark.django_db


@pytest.fixture
def monitor(settings: Any) -> Client:
    settings.METRICS_TOKEN = "a-long-secret"
    return Client(headers={"authorization": "Bearer a-long-secret", "host": "10.0.0.7"})


def lines(client: Client) -> dict[str, float]:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
    samples = [line for line in answer.content.decode().splitlines() if line[0] != "#"]
    return {name: float(value) for name, _space, value in (row.rpartition(" ") for row in samples)}


def test_the_queue_of_every_campus(cast: Cast, other_cast: Cast, monitor: Client) -> None:
    with campus_scope(cast.campus):
        tell(cast.student.user, now=timezone.now() - timedelta(minutes=10))
    with campus_scope(other_cast.campus):
        tell(other_cast.student.user, now=timezone.now())
        Delivery.objects.filter(channel="email").update(status="dead")
    found = lines(monitor)
    north, south = ('{campus="north",channel="email"', '{campus="south",channel="email"')
    assert found[f'campus_messages{north},status="waiting"}}'] == 1
    assert found[f'campus_messages{south},status="dead"}}'] == 1
    assert 600 <= found[f"campus_messages_oldest_seconds{north}}}"] < 660
    assert found[f"campus_messages_oldest_seconds{south}}}"] == 0
    assert found['campus_message_provider_up{channel="email"}'] == 1


def test_a_provider_that_is_down(cast: Cast, monitor: Client) -> None:
    circuit_breaker.fails(
        name="email", error="x", retry_after=None, now=datetime(2026, 9, 14, tzinfo=UTC)
    )
    assert lines(monitor)['campus_message_provider_up{channel="email"}'] == 0


@pytest.mark.parametrize("given", ["", "Bearer ", "Bearer wrong", "a-long-secret"])
def test_without_the_key_there_is_nothing(cast: Cast, monitor: Client, given: str) -> None:
    assert Client(headers={"authorization": given}).get("/metrics").status_code == 404


def test_without_a_configured_key_nobody_has_it(cast: Cast, settings: Any) -> None:
    settings.METRICS_TOKEN = ""
    for given in ("", "Bearer "):
        assert Client(headers={"authorization": given}).get("/metrics").status_code == 404
