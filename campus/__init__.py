"""The project: settings, addresses, and the Celery application."""

import gc

# What is imported at a start stays: looking for garbage among it takes a fifth of the time of a
# start. `campus.apps.CampusConfig` lets Python look again.
gc.disable()

from campus.celery import app as celery_app  # noqa: E402

__all__ = ["celery_app"]
