"""Production: everything from the environment, and a refusal to start where it is unsafe."""

import os

from django.core.exceptions import ImproperlyConfigured

# Before the settings that read it: production's logs are for programs.
os.environ.setdefault("LOG_FORMAT", "json")

from campus.settings.base import *  # noqa: F403
from campus.settings.base import (
    BACKUP_KEY,
    BACKUP_TO,
    STORAGES,
    broker_url,
    database,
    env_flag,
    env_list,
    redis_cache,
    replica,
)
from campus.settings.hex_keys import hex_key
from campus.settings.old_names import refuse_old_names

MIN_SECRET_LENGTH = 50


def required(name: str, hint: str) -> str:
    value = os.environ.get(name, "").strip()
    if not value:
        message = f"{name} is not set: {hint} See .env.example."
        raise ImproperlyConfigured(message)
    return value


def master_key() -> bytes:
    required("CAMPUS_MASTER_KEY", "64 hexadecimal digits; losing it loses every image.")
    key = hex_key("CAMPUS_MASTER_KEY")
    if len(set(key)) < 8:
        raise ImproperlyConfigured("CAMPUS_MASTER_KEY must be 32 random bytes.")
    return key


refuse_old_names()
# Messages of `check --deploy` that the operator decided to live with, by their ids.
SILENCED_SYSTEM_CHECKS = env_list("SILENCED_SYSTEM_CHECKS")
if env_flag("DEBUG"):
    raise ImproperlyConfigured("DEBUG must be off in production.")
DEBUG = False

SECRET_KEY = required("SECRET_KEY", "at least 50 random characters.")
if len(SECRET_KEY) < MIN_SECRET_LENGTH or len(set(SECRET_KEY)) < 10 or "insecure" in SECRET_KEY:
    raise ImproperlyConfigured("SECRET_KEY is a default or too weak: use 50 random characters.")
CAMPUS_MASTER_KEY = master_key()
if BACKUP_TO and not BACKUP_KEY:
    raise ImproperlyConfigured("BACKUP_TO is set without BACKUP_KEY: see .env.example.")
if BACKUP_KEY == CAMPUS_MASTER_KEY:
    raise ImproperlyConfigured("BACKUP_KEY must be another key than CAMPUS_MASTER_KEY.")
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS")
if not ALLOWED_HOSTS or "*" in ALLOWED_HOSTS:
    raise ImproperlyConfigured("ALLOWED_HOSTS must name the campuses' host names.")

DATABASES = {
    "default": database(required("DATABASE_URL", "the application role's address.")),
    "owner": database(
        os.environ.get("DATABASE_OWNER_URL") or os.environ["DATABASE_URL"], patience=None
    ),
    **replica(),
}
REDIS_URL = required("REDIS_URL", "the address of Redis or Valkey.")
CACHES = redis_cache(REDIS_URL)
CELERY_BROKER_URL = broker_url(REDIS_URL)

PUBLIC_SCHEME = "https"
SECURE_SSL_REDIRECT = env_flag("SECURE_SSL_REDIRECT", default=True)
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 60 * 60 * 24 * 365
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
# A cookie of this name belongs to this very host, whatever a neighbouring host name sets.
SESSION_COOKIE_NAME = "__Host-campus_session"
CSRF_COOKIE_NAME = "__Host-campus_csrf"
DEVICE_COOKIE_NAME = "__Host-campus_device"
LTI_COOKIE_NAME = "__Host-campus_lti"
STAMP_COOKIE_NAME = "__Host-campus_seen"
LANGUAGE_COOKIE_NAME = "__Host-campus_language"
LANGUAGE_COOKIE_SECURE = True
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
CSRF_TRUSTED_ORIGINS = env_list("CSRF_TRUSTED_ORIGINS")
STORAGES = {
    **STORAGES,
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

EMAIL_BACKEND = "apps.common.mail.TimedBackend"
EMAIL_HOST = os.environ.get("MAIL_SERVER", "localhost")
EMAIL_PORT = int(os.environ.get("MAIL_PORT", "587"))
EMAIL_HOST_USER = os.environ.get("MAIL_USERNAME", "")
EMAIL_HOST_PASSWORD = os.environ.get("MAIL_PASSWORD", "")
EMAIL_USE_TLS = env_flag("MAIL_USE_TLS", default=True)
DEFAULT_FROM_EMAIL = os.environ.get("MAIL_FROM", "campus@localhost")
