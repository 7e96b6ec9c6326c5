"""Secrets from files: NAME_FILE names one whose content becomes NAME (Docker, systemd)."""

import os
from collections.abc import MutableMapping
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

SECRETS = (
    *("SECRET_KEY", "SECRET_KEY_FALLBACKS", "CAMPUS_MASTER_KEY", "CAMPUS_OLD_MASTER_KEY"),
    *("DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_REPLICA_URL", "BACKUP_DATABASE_URL"),
    *("REDIS_URL", "BACKUP_KEY"),
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "BACKUP_S3_ACCESS_KEY_ID"),
    *("BACKUP_S3_SECRET_ACCESS_KEY", "AUDIT_SIGNING_KEY", "GOOGLE_CLIENT_SECRET", "MAIL_PASSWORD"),
    *("VAPID_PRIVATE_KEY", "TWILIO_AUTH_TOKEN", "METRICS_TOKEN", "SENTRY_DSN"),
)


def read_secret_files(environment: MutableMapping[str, str] = os.environ) -> None:
    """Raises `ImproperlyConfigured` for a file that cannot be read, and for both at once."""
    for name in SECRETS:
        path = environment.get(f"{name}_FILE")
        if not path:
            continue
        if environment.get(name):
            message = f"Both {name} and {name}_FILE are set: which one holds?"
            raise ImproperlyConfigured(message)
        try:
            environment[name] = Path(path).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            message = f"{name}_FILE cannot be read: {type(error).__name__}."
            raise ImproperlyConfigured(message) from error
        del environment[f"{name}_FILE"]  # processes that we start have the value


read_secret_files()
