"""What `manage.py check --deploy` says is missing for production: one message for each item.

An item that an operator decides to do without is named in SILENCED_SYSTEM_CHECKS.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.mail.backends.smtp import EmailBackend
from django.db import DEFAULT_DB_ALIAS
from django.utils.module_loading import import_string

Messages = Iterator[checks.CheckMessage]
OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
ENCRYPTED: Final = frozenset({"require", "verify-ca", "verify-full"})
NO_MAIL: Final = "campus@localhost"  # the sender where none was given


@checks.register(deploy=True)
def deployment_check(**_: Any) -> list[checks.CheckMessage]:
    return [
        *_watching(),
        *_mail(),
        *_push_key(),
        *_way_to_the_database(),
        *_way_to_valkey(),
    ]


def _watching() -> Messages:
    if not settings.METRICS_TOKEN:
        text = "Nobody can read metrics: METRICS_TOKEN is not set (docs/guides/monitoring.md)."
        yield checks.Warning(text, id="ops.W001")
    if not settings.SENTRY_DSN:
        text = "Unexpected errors are in the log alone: SENTRY_DSN is not set."
        yield checks.Warning(text, id="ops.W002")


def _mail() -> Messages:
    by_smtp = issubclass(import_string(settings.EMAIL_BACKEND), EmailBackend)
    if by_smtp and settings.DEFAULT_FROM_EMAIL == NO_MAIL:
        text = "E-mails come from nobody: MAIL_SERVER and MAIL_FROM are not set."
        yield checks.Warning(text, id="ops.W003")


def _push_key() -> Messages:
    """The key file of the push service: there, readable for us alone, and not in the checkout."""
    if not settings.FCM_CREDENTIALS_FILE:
        return
    path = Path(settings.FCM_CREDENTIALS_FILE)
    if not os.access(path, os.R_OK):
        yield checks.Error(f"FCM_CREDENTIALS_FILE: {path} cannot be read.", id="ops.E001")
        return
    if path.resolve().is_relative_to(settings.BASE_DIR):
        text = f"FCM_CREDENTIALS_FILE: {path} lies in the checkout, where it could be committed."
        yield checks.Error(text, id="ops.E002")
    if stat.S_IMODE(path.stat().st_mode) & OTHERS:
        text = f"FCM_CREDENTIALS_FILE: {path} can be read by others: chmod 600."
        yield checks.Error(text, id="ops.E003")


def _way_to_the_database() -> Messages:
    database = settings.DATABASES[DEFAULT_DB_ALIAS]
    mode = database.get("OPTIONS", {}).get("sslmode", "")
    if is_elsewhere(str(database.get("HOST") or "")) and mode not in ENCRYPTED:
        text = (
            "The database is on another machine and may be reached unencrypted: add "
            "?sslmode=verify-full (with sslrootcert=…) to DATABASE_URL."
        )
        yield checks.Warning(text, id="ops.W004")


def _way_to_valkey() -> Messages:
    url = urlsplit(settings.REDIS_URL)
    if not is_elsewhere(url.hostname or ""):
        return
    if url.scheme != "rediss":
        text = "Valkey is on another machine and reached unencrypted: use rediss:// in REDIS_URL."
        yield checks.Warning(text, id="ops.W005")
    if not url.password:
        text = "Valkey on another machine is asked without a password: REDIS_URL has none."
        yield checks.Error(text, id="ops.E004")


def is_elsewhere(host: str) -> bool:
    """Whether this host name or address leads over a network of others.

    Not so a socket, this machine, and names without a dot: services of one compose file.
    """
    name = host.strip("[]")
    if name.startswith(("/", "127.")) or name == "::1":
        return False
    return "." in name or name.count(":") > 1
