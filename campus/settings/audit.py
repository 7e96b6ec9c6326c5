"""Where the signed roots of the audit chains are written. Empty: not there."""

import os

from celery.schedules import crontab

from campus.settings.hex_keys import hex_key

AUDIT_ROOTS_DIR = os.environ.get("AUDIT_ROOTS_DIR", "")
AUDIT_ROOTS_BUCKET = os.environ.get("AUDIT_ROOTS_BUCKET", "")  # made with object lock
AUDIT_ROOTS_LOCK = {
    "lock_days": int(os.environ.get("AUDIT_ROOTS_LOCK_DAYS", "3650")),
    "lock_mode": os.environ.get("AUDIT_ROOTS_LOCK_MODE", "COMPLIANCE"),
}
AUDIT_ROOTS_MAIL = [
    part.strip() for part in os.environ.get("AUDIT_ROOTS_MAIL", "").split(",") if part.strip()
]
# The Ed25519 seed; empty: one derived from the master key.
AUDIT_SIGNING_KEY = hex_key("AUDIT_SIGNING_KEY")
AUDIT_SCHEDULE = {
    "seal-audit": {"task": "apps.audit.tasks.seal_entries", "schedule": 10.0},
    "make-audit-roots": {
        "task": "apps.audit.tasks.make_roots",
        "schedule": crontab(hour=0, minute=19),
    },
}
