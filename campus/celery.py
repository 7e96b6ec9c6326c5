"""The Celery application: tasks are found in `apps.*.tasks`."""

import os
import warnings
from typing import Any

from celery import Celery
from celery.exceptions import SecurityWarning
from celery.signals import beat_init, worker_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "campus.settings.dev")

import campus.task_context  # noqa: F401  (connects itself)

# Said to root, of tasks that are pickled: ours are JSON. A forked worker reads no PYTHONWARNINGS.
warnings.simplefilter("ignore", SecurityWarning)

app = Celery("campus")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@app.on_configure.connect  # settings can be read by now
def connect_receivers(**_: Any) -> None:
    from campus import heartbeats, task_context  # noqa: F401


@worker_init.connect
@beat_init.connect
def refuse_to_start(**_: Any) -> None:
    """Under another master key, or on an incomplete database.

    Celery logs the exceptions of receivers and goes on: only this ends the process.
    """
    from apps.tenants.master_key import MasterKeyRefused, confirm_at_start
    from apps.tenants.schema import IncompleteSchema, confirm_schema_at_start

    try:
        confirm_at_start()
        confirm_schema_at_start()
    except (MasterKeyRefused, IncompleteSchema) as error:
        raise SystemExit(str(error)) from error
