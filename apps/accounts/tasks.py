"""What the worker does for people: see `notices` (services may not import this module)."""

from apps.accounts.notices import notify_device_changed

__all__ = ["notify_device_changed"]
