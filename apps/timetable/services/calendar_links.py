"""The secret addresses of calendar feeds."""

import secrets
from datetime import datetime
from typing import Any

from django.db import transaction

from apps.audit.services import Actor, log_event
from apps.timetable.models import CalendarLink
from apps.timetable.tokens import token_for, token_hash


@transaction.atomic
def calendar_link_create(*, user: Any, now: datetime, actor: Actor) -> str:
    """A new token for this person's feed; the one before stops working. It is shown this once."""
    token = token_for(secrets.token_urlsafe(32))
    link, _created = CalendarLink.objects.update_or_create(
        user=user, defaults={"token_hash": token_hash(token), "created_at": now}
    )
    log_event(actor=actor, action="timetable.calendar_link.created", now=now, target=link)
    return token


@transaction.atomic
def calendar_link_remove(*, user: Any, now: datetime, actor: Actor) -> bool:
    """Revoke the person's link; False where there was none."""
    link = CalendarLink.objects.filter(user=user).first()
    if link is None:
        return False
    log_event(actor=actor, action="timetable.calendar_link.revoked", now=now, target=link)
    link.delete()
    return True
