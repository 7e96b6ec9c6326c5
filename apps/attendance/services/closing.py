"""Sessions that nobody completed close by themselves."""

from datetime import datetime

from django.db import transaction

from apps.attendance.selectors.policies import closes_at
from apps.attendance.services.register import register_close
from apps.audit.services import SYSTEM
from apps.sessions.models import ClassSession


def sessions_left_open(*, now: datetime) -> list[int]:
    """Ids of the open sessions of this campus whose end and grace are over, oldest first."""
    ended = ClassSession.objects.filter(status=ClassSession.Status.OPEN, ends_at__lte=now)
    return [session.pk for session in ended.order_by("ends_at", "pk") if closes_at(session) <= now]


@transaction.atomic
def register_close_itself(*, session_id: int, now: datetime) -> bool:
    """Close one that was left open, as its lecturer would; False where somebody did meanwhile."""
    session = (
        ClassSession.objects.select_for_update(of=("self",))
        .filter(pk=session_id, status=ClassSession.Status.OPEN)
        .first()
    )
    if session is None or now < closes_at(session):
        return False
    register_close(session=session, now=now, actor=SYSTEM, by_itself=True)
    return True
