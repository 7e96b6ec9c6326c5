"""What waits in the broker."""

import json
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings

from apps.common.cache import ask_server

SENT_AT: Final = "sent_at"  # campus/task_context.py writes it to every message


@dataclass(frozen=True, kw_only=True)
class BrokerQueue:
    """Messages that no worker has taken yet, and the age of the oldest in seconds."""

    name: str
    depth: int
    age: float


def queue_names() -> list[str]:
    routes = settings.CELERY_TASK_ROUTES.values()
    return sorted({settings.CELERY_TASK_DEFAULT_QUEUE, *(route["queue"] for route in routes)})


def broker_queues(*, now: float) -> list[BrokerQueue] | None:
    """Every queue; None while Valkey does not answer. Two commands a queue, one round trip."""
    names = queue_names()

    def ask(client: Any) -> list[Any]:
        with client.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.llen(name).lindex(name, -1)
            found: list[Any] = pipe.execute()
        return found

    answers: list[Any] | None = ask_server(ask, otherwise=None)
    if answers is None:
        return None
    return [
        BrokerQueue(name=name, depth=int(depth), age=_age(oldest, now))
        for name, depth, oldest in zip(names, answers[::2], answers[1::2], strict=True)
    ]


def _age(message: bytes | None, now: float) -> float:
    if not message:
        return 0.0
    sent_at = json.loads(message).get("headers", {}).get(SENT_AT)
    return max(0.0, now - float(sent_at)) if sent_at else 0.0
