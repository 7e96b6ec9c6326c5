"""Variables of other systems, refused in production with ours instead of being without effect."""

import os
from collections.abc import Mapping

from django.core.exceptions import ImproperlyConfigured

DATABASE = "DATABASE_URL (postgresql://…)"
OLD_NAMES = {
    "POSTGRES_HOST": DATABASE,
    "POSTGRES_DB": DATABASE,
    "MYSQL_HOST": f"{DATABASE}: the database is PostgreSQL",
    "MYSQL_DATABASE": f"{DATABASE}: the database is PostgreSQL",
    "JWT_SECRET_KEY": "SECRET_KEY",  # pragma: allowlist secret
    "FLASK_ENV": "DJANGO_SETTINGS_MODULE=campus.settings.production",
    "FACE_STORAGE_PATH": "CAMPUS_VAR for files, AWS_STORAGE_BUCKET_NAME for S3",
    "S3_BUCKET_NAME": "AWS_STORAGE_BUCKET_NAME",
    "AWS_ACCESS_KEY": "AWS_ACCESS_KEY_ID",  # pragma: allowlist secret
    "AWS_SECRET_KEY": "AWS_SECRET_ACCESS_KEY",  # pragma: allowlist secret
    "FIREBASE_SERVICE_ACCOUNT_KEY": "FCM_CREDENTIALS_FILE, a path",  # pragma: allowlist secret
    "TWILIO_PHONE_NUMBER": "TWILIO_FROM",
    "MAIL_DEFAULT_SENDER": "MAIL_FROM",
    "FACE_RECOGNITION_BATCH_SIZE": "nothing: workers take one photo after the other",
    "FACE_ENCODING_CACHE_SIZE": "nothing: templates are compared in the database",
}


def refuse_old_names(environment: Mapping[str, str] = os.environ) -> None:
    """Raises `ImproperlyConfigured` for the first that is set."""
    for old, ours in OLD_NAMES.items():
        if environment.get(old):
            message = f"{old} is not read here; use {ours} (.env.example)."
            raise ImproperlyConfigured(message)
