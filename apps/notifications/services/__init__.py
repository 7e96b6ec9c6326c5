"""Writes of the outbox."""

from apps.notifications.services.outbox import notify, retry_dead
from apps.notifications.services.people import (
    WebPushKeys,
    mark_read,
    preferences_set,
    push_token_forget,
    push_token_register,
)
from apps.notifications.services.purge import messages_purge

__all__ = [
    "WebPushKeys",
    "mark_read",
    "messages_purge",
    "notify",
    "preferences_set",
    "push_token_forget",
    "push_token_register",
    "retry_dead",
]
