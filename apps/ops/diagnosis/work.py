"""Workers, beat and queues."""

from collections.abc import Iterator
from typing import Final

from apps.ops.diagnosis import FAIL, OK, WARN, Look
from apps.ops.heartbeats import (
    BEAT,
    QUEUE_SILENT_AFTER_SECONDS,
    SILENT_AFTER_SECONDS,
    Heartbeat,
    heartbeats,
)
from apps.ops.queues import broker_queues, queue_names

Lines = Iterator[tuple[str, str, str]]

NO_ANSWER: Final = (FAIL, "Valkey does not answer.", "Start it, or mend REDIS_URL.")
LATE_SECONDS: Final = {"imports": (900.0, 3600.0)}  # one job a process, up to ten minutes each
LATE: Final = (120.0, 900.0)  # warn, fail


def look_at_workers(look: Look) -> Lines:
    """Every queue has a worker that lives, and its work is done."""
    now = look.now.timestamp()
    found = heartbeats(now=now)
    if found is None:
        yield NO_ANSWER
        return
    workers = [beat for beat in found if beat.is_worker]
    alive = [beat for beat in workers if beat.silent_for(now=now) <= SILENT_AFTER_SECONDS]
    signs = {beat.name: beat for beat in found}
    for queue in queue_names():
        serving = [beat.name for beat in alive if queue in beat.queues]
        yield _queue_line(queue, serving, signs.get(f"queue:{queue}"), now)
    for beat in workers:
        if beat not in alive:
            minutes = beat.silent_for(now=now) / 60
            text = f"{beat.name} has been silent for {minutes:.0f} minutes."
            yield WARN, text, "If it was not stopped on purpose, look at it and restart it."


def _queue_line(
    queue: str, serving: list[str], sign: Heartbeat | None, now: float
) -> tuple[str, str, str]:
    if not serving:
        advice = f"Start or restart a worker for the queue {queue}: its work waits."
        return FAIL, f"No worker of the queue {queue} gives a sign of life.", advice
    silence = sign.silent_for(now=now) if sign else None
    if silence is None or silence > QUEUE_SILENT_AFTER_SECONDS:
        when = "has never been" if silence is None else f"was {silence / 60:.0f} minutes ago"
        advice = "Workers may be busy, or hang: look at their log; beat may be down."
        return WARN, f"The last proof that the queue {queue} moves {when}.", advice
    return OK, f"{queue}: {', '.join(serving)}", ""


def look_at_beat(look: Look) -> Lines:
    """Nothing is closed, requeued, sent or deleted by the clock without it."""
    now = look.now.timestamp()
    found = heartbeats(now=now)
    if found is None:
        yield NO_ANSWER
        return
    beat = next((one for one in found if one.name == BEAT), None)
    silence = beat.silent_for(now=now) if beat else None
    advice = "Start beat (celery -A campus beat): nothing runs by the clock without it."
    if silence is None:
        yield FAIL, "Beat has never given a sign of life.", advice
    elif silence > SILENT_AFTER_SECONDS:
        yield FAIL, f"Beat has been silent for {silence / 60:.0f} minutes.", advice
    else:
        yield OK, f"beat: {silence:.0f} s ago", ""


def look_at_queues(look: Look) -> Lines:
    """How long the oldest message of each queue has waited."""
    states = broker_queues(now=look.now.timestamp())
    if states is None:
        yield NO_ANSWER
        return
    for state in states:
        late, too_late = LATE_SECONDS.get(state.name, LATE)
        level = FAIL if state.age > too_late else WARN if state.age > late else OK
        text = f"{state.name}: {state.depth} waiting, the oldest for {state.age:.0f} s"
        advice = "" if level == OK else f"Add workers for the queue {state.name}, or restart them."
        yield level, text, advice
