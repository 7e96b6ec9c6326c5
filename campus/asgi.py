"""ASGI entry point."""

import os

from apps.common.handlers import asgi_handler
from apps.tenants.master_key import confirm_at_start
from apps.tenants.schema import confirm_schema_at_start

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "campus.settings.dev")

application = asgi_handler()
confirm_at_start()
confirm_schema_at_start()
