"""Where log lines go, and what is left out of them."""

import os
from typing import Any

from django.core.exceptions import ImproperlyConfigured

LOG_LEVEL = os.environ.get("LOG_LEVEL", "INFO").upper()
# `json`: an object a line, as production writes them; `text`: for people.
LOG_FORMAT = os.environ.get("LOG_FORMAT", "text").lower()
if LOG_FORMAT not in {"json", "text"}:
    raise ImproperlyConfigured("LOG_FORMAT must be json or text.")
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "text": {
            "()": "apps.common.logs.RedactingFormatter",
            "format": "%(asctime)s %(levelname)s %(name)s: %(message)s",
        },
        "json": {"()": "apps.common.logs.JsonFormatter"},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
}
if LOG_FILE := os.environ.get("LOG_FILE"):
    LOGGING["handlers"]["file"] = {
        "class": "logging.handlers.WatchedFileHandler",
        "filename": LOG_FILE,
        "formatter": LOG_FORMAT,
    }
    LOGGING["root"]["handlers"].append("file")


def broker_url(redis_url: str) -> str:
    """Celery's spelling of the same server; over a socket it reads the database from elsewhere."""
    if not redis_url.startswith("unix://"):
        return redis_url
    return redis_url.replace("unix://", "redis+socket://", 1).replace("?db=", "?virtual_host=", 1)


def redis_cache(url: str, *, answer_within: float = 0.3) -> dict[str, Any]:
    """The cache. One timeout is all that a server which hangs may cost a page (common/cache.py)."""
    return {
        "default": {
            "BACKEND": "apps.common.cache.CampusCache",
            "LOCATION": url,
            "KEY_PREFIX": "campus",
            "OPTIONS": {"socket_connect_timeout": 0.2, "socket_timeout": answer_within},
        }
    }
