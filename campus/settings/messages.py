"""Messages to people: providers, and how hard the outbox tries. Empty: without that channel."""

import os

from celery.schedules import crontab

EMAIL_TIMEOUT = 20  # seconds: for the connection, and for each e-mail, as a whole
SMS_BACKEND = os.environ.get("SMS_BACKEND", "")
TWILIO_URL = os.environ.get("TWILIO_URL", "https://api.twilio.com")
TWILIO_ACCOUNT_SID = os.environ.get("TWILIO_ACCOUNT_SID", "")
TWILIO_AUTH_TOKEN = os.environ.get("TWILIO_AUTH_TOKEN", "")
TWILIO_FROM = os.environ.get("TWILIO_FROM", "")
if TWILIO_ACCOUNT_SID and not SMS_BACKEND:
    SMS_BACKEND = "apps.notifications.channels.sms.TwilioBackend"
FCM_URL = os.environ.get("FCM_URL", "https://fcm.googleapis.com")
FCM_CREDENTIALS_FILE = os.environ.get("FCM_CREDENTIALS_FILE", "")
VAPID_PRIVATE_KEY = os.environ.get("VAPID_PRIVATE_KEY", "")
VAPID_SUBJECT = os.environ.get("VAPID_SUBJECT", "")  # mailto: or https:
# Where browsers' push services live; requests go nowhere else. Comma-separated, * is a wildcard.
WEB_PUSH_ORIGINS = os.environ.get(
    "WEB_PUSH_ORIGINS",
    "https://fcm.googleapis.com,https://*.push.services.mozilla.com,"
    "https://*.push.apple.com,https://*.notify.windows.com",
).split(",")
NOTIFICATIONS = {
    "BATCH": int(os.environ.get("NOTIFICATIONS_BATCH", "50")),  # claimed and settled together
    "LEASE_SECONDS": int(os.environ.get("NOTIFICATIONS_LEASE_SECONDS", "120")),
    "MAX_ATTEMPTS": int(os.environ.get("NOTIFICATIONS_MAX_ATTEMPTS", "12")),  # about four hours
    "PUSH_CONCURRENCY": int(os.environ.get("NOTIFICATIONS_PUSH_CONCURRENCY", "16")),
    "SMS_CONCURRENCY": int(os.environ.get("NOTIFICATIONS_SMS_CONCURRENCY", "4")),
}
METRICS_TOKEN = os.environ.get("METRICS_TOKEN", "")  # opens /metrics; empty keeps it shut
MESSAGES_SCHEDULE = {
    "sweep-notifications": {"task": "apps.notifications.tasks.sweep", "schedule": 15.0},
    # One look at the audit log of each campus that has webhooks.
    "collect-webhooks": {"task": "apps.webhooks.tasks.collect", "schedule": 5.0},
    "purge-webhooks": {
        "task": "apps.webhooks.tasks.purge_deliveries",
        "schedule": crontab(hour=3, minute=53),
    },
    # One look at the courses of each campus that are compared with a learning platform.
    "send-lti-scores": {"task": "apps.lti.tasks.collect", "schedule": 60.0},
    "purge-lti-keys": {
        "task": "apps.lti.tasks.purge_keys",
        "schedule": crontab(hour=3, minute=51),
    },
    "read-saml-metadata": {
        "task": "apps.identity_providers.tasks.collect",
        "schedule": crontab(minute=27),
    },
    "purge-saml": {
        "task": "apps.identity_providers.tasks.purge_saml",
        "schedule": crontab(hour=3, minute=53),
    },
    "read-oneroster-services": {
        "task": "apps.oneroster.tasks.read_services",
        "schedule": crontab(hour=1, minute=17),
    },
    "purge-oneroster-readings": {
        "task": "apps.oneroster.tasks.purge_runs",
        "schedule": crontab(hour=3, minute=49),
    },
    "export-registers": {
        "task": "apps.register_exports.tasks.export_registers",
        "schedule": crontab(hour=2, minute=7),
    },
    "purge-register-exports": {
        "task": "apps.register_exports.tasks.purge_traces",
        "schedule": crontab(hour=3, minute=47),
    },
    "read-timetable-feeds": {
        "task": "apps.timetable_feeds.tasks.read_feeds",
        "schedule": crontab(hour=1, minute=37),
    },
    "purge-timetable-feeds": {
        "task": "apps.timetable_feeds.tasks.purge_runs",
        "schedule": crontab(hour=3, minute=45),
    },
    "purge-announcements": {
        "task": "apps.announcements.tasks.purge_announcements",
        "schedule": crontab(hour=3, minute=31),
    },
    "purge-messages": {
        "task": "apps.notifications.tasks.purge_messages",
        "schedule": crontab(hour=3, minute=43),
    },
}
