"""Development and the demo: embedded services in `var/` unless the environment names others."""

import os

from apps.processes.embedded import Layout
from campus.settings.base import *  # noqa: F403
from campus.settings.base import (
    BACKUP_KEY,
    CAMPUS_VAR,
    INSTALLED_APPS,
    broker_url,
    database,
    env_list,
    redis_cache,
    replica,
)
from campus.settings.hex_keys import hex_key
from campus.settings.local_secrets import local_secret

layout = Layout(CAMPUS_VAR)

DEBUG = False
PUBLIC_PORT = os.environ.get("PUBLIC_PORT", "8000")
DEMO_ALLOWED = True  # load_demo and simulate_class
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1],.localhost")
SECRET_KEY = os.environ.get("SECRET_KEY") or local_secret(CAMPUS_VAR, "SECRET_KEY").hex()
CAMPUS_MASTER_KEY = hex_key("CAMPUS_MASTER_KEY") or local_secret(CAMPUS_VAR, "CAMPUS_MASTER_KEY")
# Beside the other secrets, and not with them: a copy of one must not open both.
BACKUP_KEY = BACKUP_KEY or local_secret(
    CAMPUS_VAR, "BACKUP_KEY", file="backup-key.json", names=("BACKUP_KEY",)
)
if not os.environ.get("DATABASE_URL"):
    BACKUP_DATABASE_URL = os.environ.get("BACKUP_DATABASE_URL") or layout.superuser_url

DATABASES = {
    "default": database(os.environ.get("DATABASE_URL") or layout.app_url),
    "owner": database(os.environ.get("DATABASE_OWNER_URL") or layout.owner_url, patience=None),
    **replica(),
}
REDIS_URL = os.environ.get("REDIS_URL") or layout.redis_url
CACHES = redis_cache(REDIS_URL)
CELERY_BROKER_URL = broker_url(REDIS_URL)

EMAIL_BACKEND = "apps.ops.mail_files.MailFiles"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
INSTALLED_APPS = ["whitenoise.runserver_nostatic", *INSTALLED_APPS, "apps.demo"]
