"""ASGI entry point."""

import os

from django.core.asgi import get_asgi_application

from apps.tenants.master_key import confirm_at_start
from apps.tenants.schema import confirm_schema_at_start

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "campus.settings.dev")

application = get_asgi_application()
confirm_at_start()
confirm_schema_at_start()
