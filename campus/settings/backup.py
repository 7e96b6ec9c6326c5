"""Backups: where they go, by which role and under which key. Without BACKUP_TO there are none."""

import os
from typing import Any

from celery.schedules import crontab

from campus.settings.hex_keys import hex_key

BACKUP_TO = os.environ.get("BACKUP_TO", "")  # a folder, or s3://bucket/folder
# A role that sees every row: a superuser, or BYPASSRLS with pg_read_all_data. Past any pooler.
BACKUP_DATABASE_URL = os.environ.get("BACKUP_DATABASE_URL", "")
BACKUP_KEEP_DAYS = int(os.environ.get("BACKUP_KEEP_DAYS", "35"))
# Beyond a day, the time that the next one takes.
BACKUP_ALERT_HOURS = float(os.environ.get("BACKUP_ALERT_HOURS", "25"))
BACKUP_MAIL = [
    part.strip() for part in os.environ.get("BACKUP_MAIL", "").split(",") if part.strip()
]
# Best another account than that of the images; empty: the usual AWS variables.
BACKUP_S3 = {
    "endpoint_url": os.environ.get("BACKUP_S3_ENDPOINT_URL")
    or os.environ.get("AWS_S3_ENDPOINT_URL", ""),
    "region_name": os.environ.get("BACKUP_S3_REGION_NAME")
    or os.environ.get("AWS_S3_REGION_NAME", ""),
    "aws_access_key_id": os.environ.get("BACKUP_S3_ACCESS_KEY_ID", ""),
    "aws_secret_access_key": os.environ.get("BACKUP_S3_SECRET_ACCESS_KEY", ""),
}
# Seals the backups; empty: not set.
BACKUP_KEY = hex_key("BACKUP_KEY")

BACKUP_SCHEDULE: dict[str, Any] = (
    {
        "backup-weekly": {
            "task": "apps.backup.tasks.make_backup",
            "schedule": crontab(hour=0, minute=43, day_of_week="sunday"),
            "kwargs": {"full": True},
        },
        "backup-daily": {
            "task": "apps.backup.tasks.make_backup",
            "schedule": crontab(hour=0, minute=43, day_of_week="1-6"),
        },
        "ship-log": {"task": "apps.backup.tasks.ship_log_segments", "schedule": 60.0},
        "ship-objects": {
            "task": "apps.backup.tasks.ship_new_objects",
            "schedule": crontab(minute="4-59/15"),
        },
        "expire-backups": {
            "task": "apps.backup.tasks.expire_backups",
            "schedule": crontab(hour=5, minute=13),
        },
        "watch-backups": {
            "task": "apps.backup.tasks.watch_backups",
            "schedule": crontab(minute=29),
        },
    }
    if BACKUP_TO
    else {}
)
