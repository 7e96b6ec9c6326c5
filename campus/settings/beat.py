"""What runs by the clock (UTC): tasks that queue lost work again, and the nightly ones."""

from typing import Any

from celery.schedules import crontab

from campus.settings.audit import AUDIT_SCHEDULE
from campus.settings.messages import MESSAGES_SCHEDULE

CELERY_BEAT_SCHEDULE: dict[str, Any] = {
    "generate-sessions": {
        "task": "apps.timetable.tasks.generate_sessions",
        "schedule": crontab(hour=1, minute=23),
    },
    **MESSAGES_SCHEDULE,
    **AUDIT_SCHEDULE,
    "requeue-jobs": {"task": "apps.jobs.tasks.requeue_jobs", "schedule": 60.0},
    "requeue-pending-faces": {"task": "apps.checkin.tasks.requeue_pending", "schedule": 30.0},
    "requeue-samples": {"task": "apps.biometrics.tasks.requeue_samples", "schedule": 60.0},
    "purge-images": {
        "task": "apps.biometrics.tasks.purge_images",
        "schedule": crontab(hour=2, minute=37),
    },
    "delete-orphaned-images": {
        "task": "apps.biometrics.tasks.delete_orphans",
        "schedule": crontab(hour=2, minute=53),
    },
    "requeue-findings": {
        "task": "apps.integrity.tasks.requeue_findings",
        "schedule": crontab(minute=41),
    },
    "lapse-waiting": {
        "task": "apps.checkin.tasks.lapse_waiting",
        "schedule": crontab(minute="9-59/10"),
    },
    "keep-online-minutes": {"task": "apps.checkin.tasks.keep_online_minutes", "schedule": 60.0},
    "purge-location-data": {
        "task": "apps.checkin.tasks.purge_location_data",
        "schedule": crontab(minute=17),
    },
    "close-left-open": {"task": "apps.attendance.tasks.close_left_open", "schedule": 60.0},
    "remind-of-registers": {
        "task": "apps.attendance.tasks.remind_of_registers",
        "schedule": crontab(hour=4, minute=11),
    },
    "purge-attachments": {
        "task": "apps.leave.tasks.purge_attachments",
        "schedule": crontab(hour=3, minute=31),
    },
    "purge-imports": {
        "task": "apps.imports.tasks.purge_imports",
        "schedule": crontab(hour=3, minute=23),
    },
    "purge-exports": {
        "task": "apps.reports.tasks.purge_exports",
        "schedule": crontab(hour=3, minute=41),
    },
    "purge-codes": {"task": "apps.qr_otp.tasks.purge_codes", "schedule": crontab(hour=3, minute=7)},
}
