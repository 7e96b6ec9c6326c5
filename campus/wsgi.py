"""WSGI entry point, for Granian."""

import gc
import os

from django.urls import get_resolver

from apps.common.handlers import wsgi_handler
from apps.tenants.master_key import confirm_at_start
from apps.tenants.schema import confirm_schema_at_start

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "campus.settings.dev")

application = wsgi_handler()
confirm_at_start()
confirm_schema_at_start()
# Loads every view now: otherwise the first request would wait for it, /healthz as well.
get_resolver().url_patterns  # noqa: B018
gc.freeze()  # they stay, too
