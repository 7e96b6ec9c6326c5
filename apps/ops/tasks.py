"""What proves that a queue's work is done."""

from celery import shared_task

from apps.ops.heartbeats import beats


@shared_task(ignore_result=True)
def prove_queue(queue: str) -> None:
    """Beat sends it to each queue once a minute: the broker and a process of a worker did work."""
    beats(f"queue:{queue}")
