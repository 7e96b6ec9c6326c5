"""Numbers for monitoring: for who has the key, about every campus, on every host."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from apps.common import measures
from apps.common.cache import ask_server
from apps.notifications import circuit_breaker
from apps.notifications.models import Delivery
from apps.tenants.scope import campus_scope
from tests.factories import Cast
from tests.notifications.support import tell
from tests.ops.running import ROOT

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


# --- What all processes count ------------------------------------------------------------------


@pytest.fixture
def nothing_counted() -> Iterator[None]:
    def forget() -> None:
        measures._own().take()
        ask_server(lambda client: client.delete(measures.KEY), otherwise=None)

    forget()
    yield
    forget()


def names_of(found: dict[str, float]) -> set[str]:
    return {name.partition("{")[0] for name in found}


@pytest.mark.usefixtures("nothing_counted")
def test_requests_by_route_and_status(cast: Cast, monitor: Client) -> None:
    client = Client(headers={"host": cast.host})
    client.get("/calendar/12-aB3xY_9kQ-pLmN0oPqRsTuVwXyZ0123456789abcdefgh.ics")
    client.get("/nothing/at-all")
    client.generic("BREW", "/readyz")
    found = lines(monitor)
    requests = {name for name in found if name.startswith("campus_requests_total{")}
    assert not [name for name in requests if "aB3xY" in name or "at-all" in name]
    assert 'campus_requests_total{method="GET",route="none",status="404"}' in requests
    assert 'campus_requests_total{method="other",route="readyz",status="405"}' in requests
    assert found['campus_request_seconds_count{route="readyz"}'] == 1
    assert found['campus_request_seconds_bucket{le="+Inf",route="readyz"}'] == 1


@pytest.mark.usefixtures("nothing_counted")
def test_sums_of_several_processes(cast: Cast, monitor: Client) -> None:
    for _process in range(2):
        measures._table = measures._Table()
        measures.count("campus_jobs", "import", "done")
        measures.observe("campus_face_seconds", 0.2)
        assert measures.send()
    found = lines(monitor)
    assert found['campus_jobs_total{kind="import",result="done"}'] == 2
    assert found["campus_face_seconds_count"] == 2
    assert found["campus_face_seconds_sum"] == pytest.approx(0.4)
    assert found['campus_face_seconds_bucket{le="0.1"}'] == 0
    assert found['campus_face_seconds_bucket{le="0.25"}'] == 2


@pytest.mark.usefixtures("nothing_counted")
def test_what_could_not_be_sent_is_kept(settings: Any, monitor: Client, cast: Cast) -> None:
    measures.count("campus_deadlocks", "task")
    right, settings.REDIS_URL = settings.REDIS_URL, "unix:///nowhere/valkey.sock"
    assert not measures.send()
    settings.REDIS_URL = right
    assert lines(monitor)['campus_deadlocks_total{where="task"}'] == 1


@pytest.mark.usefixtures("nothing_counted")
def test_a_child_process_does_not_send_what_its_parent_counted() -> None:
    measures.count("campus_deadlocks", "task")
    measures._table.pid = -1  # as a forked child sees its parent's
    assert measures._own().take() == {}


def test_the_list_of_the_operators_guide_is_what_is_shown(cast: Cast, monitor: Client) -> None:
    text = monitor.get("/metrics").content.decode()
    shown = {
        line.split()[2].removesuffix("_total") for line in text.splitlines() if "# HELP" in line
    }
    guide = (ROOT / "docs/guides/monitoring.md").read_text()
    listed = {
        name.removesuffix("_total") for name in re.findall(r"^\| `(campus_\w+)`", guide, re.M)
    }
    assert shown == listed


@pytest.mark.parametrize("name", ["campus-dashboard.json", "campus-alerts.yml"])
def test_board_and_alerts_ask_for_metrics_that_exist(
    cast: Cast, monitor: Client, name: str
) -> None:
    text = monitor.get("/metrics").content.decode()
    shown = {line.split()[2] for line in text.splitlines() if line.startswith("# HELP")}
    ends = ("_bucket", "_sum", "_count", "")
    known = {f"{family}{end}" for family in shown for end in ends}
    asked = set(re.findall(r"\bcampus_\w+", (ROOT / "deploy/monitoring" / name).read_text()))
    assert asked
    assert asked - known == set()


@pytest.mark.usefixtures("nothing_counted")
def test_a_slow_statement_is_counted_and_logged_without_its_values(
    settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.SLOW_STATEMENT_SECONDS = 0.0
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::text", ["somebody@north.example"])
    assert "SELECT %s::text" in caplog.text
    assert "somebody" not in caplog.text
    assert measures._own().take()[("campus_statements_slow", "count")] >= 1
