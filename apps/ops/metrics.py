"""Numbers for a monitoring system, in Prometheus' text format.

They are read anew for each request; the collectors that prometheus_client keeps for a process
(memory, garbage, Python) are not shown, because any process may answer.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from apps.notifications.channels import configured
from apps.notifications.circuit_breaker import trouble_of
from apps.notifications.selectors import queue_states
from apps.tenants.scope import campus_scope
from apps.tenants.selectors import every_campus

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
STATUSES: Final = ("waiting", "sending", "failed", "dead")


def exposition(*, now: datetime) -> bytes:
    """All metrics; a few queries per campus."""
    return generate_latest(_Outbox(now))


class _Outbox(Collector):
    def __init__(self, now: datetime) -> None:
        self._now = now

    def collect(self) -> Iterator[Metric]:
        yield from self._queues()
        up = GaugeMetricFamily(
            "campus_message_provider_up",
            "1 while the provider of the channel works, 0 while it is paused.",
            labels=["channel"],
        )
        for name in configured():
            up.add_metric([name], float(trouble_of(name=name) is None))
        yield up

    def _queues(self) -> Iterator[Metric]:
        counts = GaugeMetricFamily(
            "campus_messages",
            "Deliveries by state; sent ones are not counted.",
            labels=["campus", "channel", "status"],
        )
        oldest = GaugeMetricFamily(
            "campus_messages_oldest_seconds",
            "Age of the oldest delivery that is not sent yet.",
            labels=["campus", "channel"],
        )
        for campus in every_campus(reason="metrics of the outbox"):
            with campus_scope(campus):
                states = [state for state in queue_states() if state.is_configured]
            for state in states:
                for status in STATUSES:
                    labels = [campus.slug, state.channel, status]
                    counts.add_metric(labels, getattr(state, status))
                age = (self._now - state.oldest_at).total_seconds() if state.oldest_at else 0.0
                oldest.add_metric([campus.slug, state.channel], max(0.0, age))
        yield from (counts, oldest)
