"""Celery: which queue does what, and how long a task or a worker may last."""

import os

CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = {
    "apps.checkin.tasks.settle_face": {"queue": "faces"},
    "apps.biometrics.tasks.judge_sample": {"queue": "faces"},
    "apps.face_models.tasks.*": {"queue": "faces"},
    "apps.class_photos.tasks.look_at_photo": {"queue": "faces"},
    "apps.cameras.tasks.look_at_frame": {"queue": "faces"},
    "apps.cameras.tasks.relearn_unknown": {"queue": "faces"},
    "apps.cameras.tasks.run_search": {"queue": "faces"},
    "apps.notifications.tasks.*": {"queue": "notifications"},
    "apps.webhooks.tasks.*": {"queue": "notifications"},
    "apps.lti.tasks.*": {"queue": "notifications"},
    "apps.jobs.tasks.run_job": {"queue": "imports"},
    "apps.legacy.tasks.run_legacy_move": {"queue": "imports"},
}
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# A process of a worker ends after so many tasks, or beyond so many kB, and a new one follows.
CELERY_WORKER_MAX_TASKS_PER_CHILD = int(os.environ.get("WORKER_MAX_TASKS", "1000"))
CELERY_WORKER_MAX_MEMORY_PER_CHILD = int(os.environ.get("WORKER_MAX_MEMORY_KB", "1500000"))
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_TIME_LIMIT = 600
CELERY_TASK_SOFT_TIME_LIMIT = 570
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 900, "socket_timeout": 5}
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
