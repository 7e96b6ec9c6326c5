"""A campus's own statuses: made, changed, retired. None is ever deleted while records have it."""

from datetime import datetime
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from apps.attendance.models import AttendanceRecord, CustomStatus
from apps.attendance.models.status import MEANING_COUNTS_AS
from apps.audit.services import Actor, log_event
from apps.common.errors import Invalid, NotFound, Refused

FIXED_ONCE_USED: Final = frozenset({"code", "meaning", "counts_as"})


@transaction.atomic
def status_create(*, fields: dict[str, Any], now: datetime, actor: Actor) -> CustomStatus:
    """Make a status; `Invalid` where the fields do not fit, such as a code that is taken."""
    made = CustomStatus(**fields)
    _check(made)
    made.save()
    log_event(
        actor=actor,
        action="attendance.status.created",
        now=now,
        target=made,
        data={"code": made.code, "meaning": made.meaning, "counts_as": made.counts_as},
    )
    return made


@transaction.atomic
def status_update(
    *, status_id: int, fields: dict[str, Any], now: datetime, actor: Actor
) -> CustomStatus:
    """Change a status.

    Raises `NotFound`, and `Refused` status_in_use for another code, meaning or rule once records
    have it: percentages that were reported would change without a mark having changed. The lock
    keeps out marks that are being given the status at the same moment.
    """
    own = CustomStatus.objects.select_for_update().filter(pk=status_id).first()
    if own is None:
        raise NotFound("status_not_found", _("There is no such status on this campus."))
    changes = {
        name: [_plain(getattr(own, name)), _plain(value)]
        for name, value in fields.items()
        if getattr(own, name) != value
    }
    for name, value in fields.items():
        setattr(own, name, value)
    if "meaning" in changes and "counts_as" not in fields:
        own.counts_as = MEANING_COUNTS_AS.get(own.meaning, "")
    _check(own)
    refuse_if_used(own, changed=set(changes))
    own.save()
    log_event(
        actor=actor, action="attendance.status.updated", now=now, target=own, data=dict(changes)
    )
    return own


def refuse_if_used(own: CustomStatus, *, changed: set[str]) -> None:
    """Raise `Refused` when a change of these fields would change the sense of given marks."""
    if changed & FIXED_ONCE_USED and AttendanceRecord.objects.filter(label=own).exists():
        raise Refused(
            "status_in_use",
            _("Marks have this status already. Retire it and make a new one instead."),
        )


def _check(own: CustomStatus) -> None:
    try:
        own.full_clean()
    except ValidationError as error:
        raise Invalid("invalid_status", " ".join(error.messages)) from error


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | bool) else str(value)
