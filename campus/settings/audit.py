"""Where the signed roots of the audit chains are written. Empty: not there."""

import os

from celery.schedules import crontab
from django.core.exceptions import ImproperlyConfigured

AUDIT_ROOTS_DIR = os.environ.get("AUDIT_ROOTS_DIR", "")
AUDIT_ROOTS_BUCKET = os.environ.get("AUDIT_ROOTS_BUCKET", "")  # made with object lock
AUDIT_ROOTS_LOCK = {
    "lock_days": int(os.environ.get("AUDIT_ROOTS_LOCK_DAYS", "3650")),
    "lock_mode": os.environ.get("AUDIT_ROOTS_LOCK_MODE", "COMPLIANCE"),
}
AUDIT_ROOTS_MAIL = [
    part.strip() for part in os.environ.get("AUDIT_ROOTS_MAIL", "").split(",") if part.strip()
]


def signing_key() -> bytes:
    """The Ed25519 seed; empty: one derived from the master key."""
    text = os.environ.get("AUDIT_SIGNING_KEY", "").strip()
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b"?"
    if len(key) not in (0, 32):
        raise ImproperlyConfigured("AUDIT_SIGNING_KEY must be 64 hexadecimal digits.")
    return key


AUDIT_SIGNING_KEY = signing_key()
AUDIT_SCHEDULE = {
    "seal-audit": {"task": "apps.audit.tasks.seal_entries", "schedule": 10.0},
    "make-audit-roots": {
        "task": "apps.audit.tasks.make_roots",
        "schedule": crontab(hour=0, minute=19),
    },
}
