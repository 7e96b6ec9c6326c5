"""A beat with one quick entry, whose lease ends soon."""

from campus.settings.test import *  # noqa: F403

BEAT_LEASE_SECONDS = 3
QUEUE = "of-two-beats"
CELERY_BEAT_SCHEDULE = {
    "often": {
        "task": "apps.ops.tasks.prove_queue",
        "schedule": 0.4,
        "args": [QUEUE],
        "options": {"queue": QUEUE},
    }
}
