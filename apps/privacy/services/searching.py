"""Writing down, and withdrawing, the permission to search for faces."""

from datetime import datetime
from typing import Any, Final

from django.db import transaction

from apps.audit.services import Actor, log_event
from apps.privacy.models import SearchPermission
from apps.privacy.selectors import search_permission
from apps.tenants.models import Campus
from apps.tenants.scope import current_campus_id

# A change of these is another thing to agree to; who answers for it, and who looks, is not.
AGREED_TO: Final = (
    *("covers", "purpose", "legal_basis", "alternative", "retention_days"),
    *("cameras", "camera_notice"),
)


@transaction.atomic
def search_permission_write(*, now: datetime, actor: Actor, **values: Any) -> SearchPermission:
    """The next version, in force at once; one with gaps permits nothing.

    Where it changes what students agree to, or follows a withdrawal, they are asked anew.
    """
    Campus.objects.select_for_update(no_key=True).get(pk=current_campus_id())  # one after another
    before = search_permission()
    version = before.version + 1 if before else 1
    permission = SearchPermission(version=version, asked_anew=version, written_at=now, **values)
    if before is not None and before.withdrawn_at is None:
        same = all(getattr(before, name) == getattr(permission, name) for name in AGREED_TO)
        permission.asked_anew = before.asked_anew if same else version
    asked_anew = permission.asked_anew
    permission.save(force_insert=True)
    data = {"version": version, "asked_anew": asked_anew, "covers": permission.covers}
    log_event(actor=actor, action="privacy.search.permitted", now=now, target=permission, data=data)
    return permission


@transaction.atomic
def search_permission_withdraw(*, now: datetime, actor: Actor) -> bool:
    """Switch searching off; whether it was on."""
    newest = search_permission()
    rows = SearchPermission.objects.filter(pk=newest.pk if newest else 0, withdrawn_at__isnull=True)
    if newest is None or not rows.update(withdrawn_at=now):
        return False
    log_event(actor=actor, action="privacy.search.withdrawn", now=now, target=newest)
    return True
