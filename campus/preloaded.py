"""What the processes of `up` have in common, loaded once (apps/processes/forked.py).

Nothing here may open a connection or start a thread: forks would share the one and lack the other.
"""

import gc
import os
from importlib import import_module

import django
from django.urls import get_resolver

PROGRAMS = (
    "campus.celery",
    "celery.apps.beat",
    "celery.apps.worker",
    "celery.bin.celery",
    "granian.cli",
    "granian.server",
    "kombu.transport.redis",
)

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "campus.settings.dev")
django.setup()
for program in PROGRAMS:
    import_module(program)
get_resolver().url_patterns  # noqa: B018  (loads every page)
gc.collect()
gc.freeze()
