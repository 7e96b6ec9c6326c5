"""WSGI entry point."""

import os

from django.core.wsgi import get_wsgi_application

from apps.tenants.master_key import confirm_at_start

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "campus.settings.dev")

application = get_wsgi_application()
confirm_at_start()
