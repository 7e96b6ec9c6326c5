"""Development and the demo: embedded services in `var/` unless the environment names others."""

import os

from apps.ops.embedded import Layout
from campus.settings.base import *  # noqa: F403
from campus.settings.base import (
    CAMPUS_VAR,
    INSTALLED_APPS,
    broker_url,
    database,
    env_list,
    redis_cache,
)
from campus.settings.local_secrets import local_secret

layout = Layout(CAMPUS_VAR)

DEBUG = False
PUBLIC_PORT = os.environ.get("PUBLIC_PORT", "8000")
DEMO_ALLOWED = True  # load_demo and simulate_class
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1],.localhost")
SECRET_KEY = os.environ.get("SECRET_KEY") or local_secret(CAMPUS_VAR, "SECRET_KEY").hex()
CAMPUS_MASTER_KEY = bytes.fromhex(
    os.environ.get("CAMPUS_MASTER_KEY") or local_secret(CAMPUS_VAR, "CAMPUS_MASTER_KEY").hex()
)

DATABASES = {
    "default": database(os.environ.get("DATABASE_URL") or layout.app_url),
    "owner": database(os.environ.get("DATABASE_OWNER_URL") or layout.owner_url, patience=None),
}
REDIS_URL = os.environ.get("REDIS_URL") or layout.redis_url
CACHES = redis_cache(REDIS_URL)
CELERY_BROKER_URL = broker_url(REDIS_URL)

EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
INSTALLED_APPS = ["whitenoise.runserver_nostatic", *INSTALLED_APPS, "apps.demo"]
