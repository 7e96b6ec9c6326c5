"""Reading what is sealed in the log: the one way, which is written down."""

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from apps.audit.chain import AnyEntry
from apps.audit.models import PlatformEntry
from apps.audit.sealed_data import open_data
from apps.audit.services.recording import Actor, log_event, log_platform_event
from apps.common.crypto import SealBroken


def sealed_read(*, entry: AnyEntry, may: bool, actor: Actor, now: datetime) -> dict[str, Any]:
    """The private part of an entry, or {} and an entry that says so where the reader may not.

    `may`: whether the reader's role allows it, asked by the caller. One that opens under no key
    says so.
    """
    write = log_platform_event if isinstance(entry, PlatformEntry) else log_event
    action = "audit.sealed.read" if may else "audit.sealed.refused"
    write(actor=actor, action=action, now=now, data={"entry": str(entry.pk)})
    if not may:
        return {"refused": _("Your role does not allow this.")}
    try:
        return open_data(entry)
    except SealBroken:
        return {"unreadable": _("The sealed part of this entry opens under no key.")}
