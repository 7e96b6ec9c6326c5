"""What runs by the clock (UTC): tasks that queue lost work again, and the nightly ones."""

from typing import Any

from celery.schedules import crontab

from campus.settings.audit import AUDIT_SCHEDULE
from campus.settings.backup import BACKUP_SCHEDULE
from campus.settings.messages import MESSAGES_SCHEDULE

# Each queue proves that it moves (apps/ops/heartbeats.py).
PROOFS: dict[str, Any] = {
    f"prove-{queue}": {
        "task": "apps.ops.tasks.prove_queue",
        "schedule": 60.0,
        "args": [queue],
        "options": {"queue": queue, "expires": 120},
    }
    for queue in ("default", "faces", "imports", "notifications")
}

CELERY_BEAT_SCHEDULER = "campus.beat:LeasedScheduler"
BEAT_LEASE_SECONDS = 40  # after these without a sign of it, another beat goes on
CELERY_BEAT_SCHEDULE: dict[str, Any] = {
    **PROOFS,
    "generate-sessions": {
        "task": "apps.timetable.tasks.generate_sessions",
        "schedule": crontab(hour=1, minute=23),
    },
    **MESSAGES_SCHEDULE,
    **AUDIT_SCHEDULE,
    **BACKUP_SCHEDULE,
    "purge-sessions": {
        "task": "apps.signin.tasks.purge_sessions",
        "schedule": crontab(hour=4, minute=37),
    },
    "look-at-removals": {
        "task": "apps.moving.tasks.look_at_removals",
        "schedule": crontab(hour=3, minute=47),
    },
    "requeue-jobs": {"task": "apps.jobs.tasks.requeue_jobs", "schedule": 60.0},
    "requeue-pending-faces": {"task": "apps.checkin.tasks.requeue_pending", "schedule": 30.0},
    "requeue-samples": {"task": "apps.biometrics.tasks.requeue_samples", "schedule": 60.0},
    "requeue-class-photos": {"task": "apps.class_photos.tasks.requeue_photos", "schedule": 30.0},
    "expire-class-photos": {
        "task": "apps.class_photos.tasks.expire_reviews",
        "schedule": crontab(minute="7-59/10"),
    },
    "requeue-camera-frames": {"task": "apps.cameras.tasks.requeue_frames", "schedule": 30.0},
    "tidy-sightings": {
        "task": "apps.cameras.tasks.tidy_sightings",
        "schedule": crontab(minute="4-59/10"),
    },
    "work-in-punches": {"task": "apps.terminals.tasks.work_in", "schedule": 60.0},
    "look-at-punches-again": {
        "task": "apps.terminals.tasks.look_again",
        "schedule": crontab(minute="3-59/10"),
    },
    "purge-punches": {
        "task": "apps.terminals.tasks.purge_punches",
        "schedule": crontab(hour=3, minute=59),
    },
    "purge-images": {
        "task": "apps.biometrics.tasks.purge_images",
        "schedule": crontab(hour=2, minute=37),
    },
    "delete-orphaned-images": {
        "task": "apps.biometrics.tasks.delete_orphans",
        "schedule": crontab(hour=2, minute=53),
    },
    "forget-liveness-checks": {
        "task": "apps.liveness.tasks.forget_checks",
        "schedule": crontab(hour=3, minute=9),
    },
    "learn-faces": {
        "task": "apps.learning.tasks.learn_faces",
        "schedule": crontab(hour=2, minute=11),
    },
    "vacuum-templates": {
        "task": "apps.biometrics.tasks.vacuum_templates",
        "schedule": crontab(hour=3, minute=1),
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
    "purge-legacy-moves": {
        "task": "apps.legacy.tasks.purge_legacy_moves",
        "schedule": crontab(hour=3, minute=27),
    },
    "purge-exports": {
        "task": "apps.reports.tasks.purge_exports",
        "schedule": crontab(hour=3, minute=41),
    },
    "start-erasures": {
        "task": "apps.privacy.tasks.start_erasures",
        "schedule": crontab(minute=29),
    },
    "erase-faces-of-former-students": {
        "task": "apps.biometrics.tasks.erase_former_faces",
        "schedule": crontab(hour=2, minute=19),
    },
    "purge-codes": {"task": "apps.qr_otp.tasks.purge_codes", "schedule": crontab(hour=3, minute=7)},
}
