"""Numbers for a monitoring system, in Prometheus' text format.

Sums over all processes, and what is read anew for each request. The collectors that
prometheus_client keeps for a process (memory, garbage, Python) are not shown, because any process
may answer.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from django.db import connection
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from apps.common.measures import FAMILIES, SUM, Family, Series, sums
from apps.notifications.channels import configured
from apps.notifications.circuit_breaker import trouble_of
from apps.notifications.selectors import queue_states
from apps.ops.disk import free_shares
from apps.ops.health import check_health
from apps.ops.heartbeats import heartbeats
from apps.ops.queues import broker_queues
from apps.ops.versions import campus_version
from apps.tenants.scope import campus_scope
from apps.tenants.selectors import every_campus

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
STATUSES: Final = ("waiting", "sending", "failed", "dead")


def exposition(*, now: datetime) -> bytes:
    """All metrics; a few queries per campus."""
    return b"".join(
        generate_latest(collector) for collector in (_Outbox(now), _Measures(), _Services(now))
    )


class _Measures(Collector):
    """What all processes have counted (apps/common/measures.py)."""

    def collect(self) -> Iterator[Metric]:
        kept = sums()
        for name, family in FAMILIES.items():
            series = {key[1:]: value for key, value in kept.items() if key[0] == name}
            if not family.buckets:
                yield _counter(name, family, series)
            else:
                yield _histogram(name, family, series)


def _counter(name: str, family: Family, series: Mapping[Series, float]) -> Metric:
    metric = CounterMetricFamily(name, family.about, labels=family.labels)
    for (_part, *labels), value in sorted(series.items()):
        metric.add_metric(labels, value)
    if not series and not family.labels:
        metric.add_metric([], 0.0)
    return metric


def _histogram(name: str, family: Family, series: Mapping[Series, float]) -> Metric:
    metric = HistogramMetricFamily(name, family.about, labels=family.labels)
    for labels in sorted({key[1:] for key in series}):
        total, buckets = 0.0, []
        for bound in (*(repr(float(bound)) for bound in family.buckets), "+Inf"):
            total += series.get((bound, *labels), 0.0)
            buckets.append((bound, total))
        metric.add_metric(labels, buckets, sum_value=series.get((SUM, *labels), 0.0))
    return metric


class _Services(Collector):
    """Queues, signs of life, connections, image store and disk, as they are now."""

    def __init__(self, now: datetime) -> None:
        self._now = now.timestamp()

    def collect(self) -> Iterator[Metric]:
        yield _info()
        yield from self._broker()
        signs = GaugeMetricFamily(
            "campus_heartbeat_age_seconds", "Since the last sign of life.", labels=["name"]
        )
        for beat in heartbeats(now=self._now) or []:
            signs.add_metric([beat.name], beat.silent_for(now=self._now))
        yield signs
        yield _connections()
        yield _ready()
        yield _disk()

    def _broker(self) -> Iterator[Metric]:
        depth = GaugeMetricFamily("campus_queue_messages", "Waiting tasks.", labels=["queue"])
        age = GaugeMetricFamily(
            "campus_queue_oldest_seconds", "Age of the oldest waiting task.", labels=["queue"]
        )
        for state in broker_queues(now=self._now) or []:
            depth.add_metric([state.name], state.depth)
            age.add_metric([state.name], state.age)
        yield from (depth, age)


def _info() -> Metric:
    metric = GaugeMetricFamily("campus_info", "1; the version that runs.", labels=["version"])
    metric.add_metric([campus_version()], 1.0)
    return metric


def _connections() -> Metric:
    metric = GaugeMetricFamily(
        "campus_database_connections", "Of the application's role, by state.", labels=["state"]
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(state, 'starting'), count(*) FROM pg_stat_activity "
            "WHERE usename = current_user GROUP BY 1 ORDER BY 1"
        )
        for state, number in cursor.fetchall():
            metric.add_metric([state], number)
    return metric


def _ready() -> Metric:
    metric = GaugeMetricFamily("campus_ready", "1 where /readyz says so.", labels=["check"])
    for name, holds in check_health().checks.items():
        metric.add_metric([name], float(holds))
    return metric


def _disk() -> Metric:
    metric = GaugeMetricFamily(
        "campus_disk_free_ratio", "Free share of the disk.", labels=["place"]
    )
    for name, free in free_shares().items():
        metric.add_metric([name], free)
    return metric


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
