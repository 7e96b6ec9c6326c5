"""Tests: the real PostgreSQL and Valkey, embedded or the ones that the environment names.

`tests/services.py` starts the embedded servers before Django reads this file and names them in the
environment. Static tools (mypy, makemigrations) import it without any.
"""

import os

from campus.settings.base import *  # noqa: F403
from campus.settings.base import INSTALLED_APPS, broker_url, database, redis_cache

SECRET_KEY = "only-for-tests-" + "x" * 40
CAMPUS_MASTER_KEY = bytes(range(32))
BACKUP_KEY = bytes(range(32, 64))
ALLOWED_HOSTS = ["*"]
DEMO_ALLOWED = True
INSTALLED_APPS = [*INSTALLED_APPS, "apps.demo"]

NOWHERE = "postgresql://nobody@127.0.0.1:1/none"  # static tools need no database
DATABASES = {
    "default": database(os.environ.get("DATABASE_URL", NOWHERE)),
    "owner": database(
        os.environ.get("DATABASE_OWNER_URL", NOWHERE.replace("nobody", "owner")), patience=None
    ),
}
REDIS_URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:1/0")
# Statements are counted: on a busy machine a slow answer must not count as none.
CACHES = redis_cache(REDIS_URL, answer_within=3.0)
CELERY_BROKER_URL = broker_url(REDIS_URL)

WHITENOISE_AUTOREFRESH = True
WHITENOISE_USE_FINDERS = True
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
