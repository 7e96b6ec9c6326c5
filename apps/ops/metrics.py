"""Numbers for a monitoring system, in Prometheus' text format.

https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from apps.notifications.channels import configured
from apps.notifications.circuit_breaker import trouble_of
from apps.notifications.selectors import QueueState, queue_states
from apps.tenants.scope import campus_scope
from apps.tenants.selectors import every_campus

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
HELP: Final = {
    "campus_messages": "Deliveries by state; sent ones are not counted.",
    "campus_messages_oldest_seconds": "Age of the oldest delivery that is not sent yet.",
    "campus_message_provider_up": "1 while the provider of the channel works, 0 while it is left "
    "alone.",
}
Sample = tuple[str, dict[str, str], float]


def exposition(*, now: datetime) -> str:
    """All metrics; a few queries per campus."""
    samples = [*_queues(now), *_providers()]
    lines: list[str] = []
    for name, meaning in HELP.items():
        lines += [f"# HELP {name} {meaning}", f"# TYPE {name} gauge"]
        lines += [_line(*sample) for sample in samples if sample[0] == name]
    return "\n".join(lines) + "\n"


def _queues(now: datetime) -> Iterator[Sample]:
    for campus in every_campus(reason="metrics of the outbox"):
        with campus_scope(campus):
            states = [state for state in queue_states() if state.is_configured]
        for state in states:
            labels = {"campus": campus.slug, "channel": state.channel}
            yield from _queue(state, labels, now)


def _queue(state: QueueState, labels: dict[str, str], now: datetime) -> Iterator[Sample]:
    for status in ("waiting", "sending", "failed", "dead"):
        yield "campus_messages", {**labels, "status": status}, getattr(state, status)
    age = (now - state.oldest_at).total_seconds() if state.oldest_at else 0.0
    yield "campus_messages_oldest_seconds", labels, max(0.0, age)


def _providers() -> Iterator[Sample]:
    for name in configured():
        works = trouble_of(name=name) is None
        yield "campus_message_provider_up", {"channel": name}, float(works)


def _line(name: str, labels: dict[str, str], value: float) -> str:
    written = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
    return f"{name}{{{written}}} {value:g}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
