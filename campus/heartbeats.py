"""Workers and beat say that they live (apps/ops/heartbeats.py)."""

from typing import Any

from celery.signals import beat_init, before_task_publish, heartbeat_sent, worker_ready

from apps.ops.heartbeats import BEAT, beats

_taken: dict[str, list[str]] = {}
_this_process: set[str] = set()


@worker_ready.connect
def note_queues(sender: Any = None, **_: Any) -> None:
    _taken[sender.hostname] = sorted(sender.app.amqp.queues.consume_from)
    beats(f"worker:{sender.hostname}", queues=_taken[sender.hostname])


@heartbeat_sent.connect
def worker_lives(sender: Any = None, **_: Any) -> None:
    name = sender.eventer.hostname
    if name in _taken:  # before, it would hold back the sign that names the queues
        beats(f"worker:{name}", queues=_taken[name])


@beat_init.connect
def note_beat(**_: Any) -> None:
    _this_process.add(BEAT)
    beats(BEAT)


@before_task_publish.connect
def beat_lives(**_: Any) -> None:
    """Whatever beat sends is a sign of it; something is due every 15 seconds."""
    if BEAT in _this_process:
        beats(BEAT)
