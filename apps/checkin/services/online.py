"""Whether an account or a device was online since a code was shown: what offline check-ins ask."""

from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q

from apps.accounts.online import Heard, minute_of, minutes_noted
from apps.checkin.models import CheckInAttempt, OnlineMinute
from apps.qr_otp.models import Scan
from apps.sessions.services import CHECK_IN, subject_of

# A phone that comes back signs in, renews its token and asks this and that before it sends what it
# kept. Of so short a time before the submission nothing is held against it …
COMES_BACK: Final = timedelta(minutes=2)
# … unless it was so soon after the code that it had a network then. A sign-in or a renewed token
# says nothing even so: without one nothing can be sent.
AT_THE_TIME: Final = timedelta(minutes=10)
KEPT: Final = timedelta(hours=25)  # an offline check-in comes within 24 hours


def requests_between(
    *,
    user_id: int,
    student_id: int,
    device_id: int | None,
    session_id: int,
    shown_at: datetime,
    now: datetime,
) -> bool:
    """Whether something is known against “there was no network from `shown_at` until now”.

    A scan that this session accepted is nothing against it: it was in time, and its answer may
    have got lost. At most four statements and a look into the cache.
    """
    scans = Scan.objects.filter(
        scanner=f"student:{student_id}", at__gt=shown_at, at__lt=now
    ).exclude(purpose=CHECK_IN, subject=subject_of(session_id), accepted=True)
    attempts = CheckInAttempt.objects.filter(
        student_id=student_id, offline=False, received_at__gt=shown_at, received_at__lt=now
    )
    signed = CheckInAttempt.objects.filter(
        session_id=session_id, signed_by_id=device_id, received_at__gt=shown_at
    )
    return (
        scans.exists()
        or attempts.exists()
        or (device_id is not None and signed.exists())
        or _heard(user_id, shown_at=shown_at, now=now)
    )


def _heard(user_id: int, *, shown_at: datetime, now: datetime) -> bool:
    before = now - COMES_BACK
    soon = min(now, shown_at + AT_THE_TIME)
    noted = any(
        one.at > shown_at and (one.at < before or (not one.opening and one.at < soon))
        for one in minutes_noted(user_id=user_id)
    )
    if noted:
        return True
    held_against = Q(heard_at__lt=before) | Q(opening=False, heard_at__lt=soon)
    kept = OnlineMinute.objects.filter(
        held_against, user_id=user_id, minute__gte=minute_of(shown_at), heard_at__gt=shown_at
    )
    return kept.exists()


def minutes_store(*, now: datetime) -> list[Heard]:
    """Keep the entered campus's notes in PostgreSQL and drop those of yesterday.

    Returns the ones of minutes that are over: the caller forgets them in the cache once this is
    committed (`minutes_forget`). Safe to repeat and to lose halfway.
    """
    heard = sorted(minutes_noted(), key=lambda one: (one.user_id, one.minute, one.opening))
    OnlineMinute.objects.bulk_create(
        [
            OnlineMinute(
                user_id=one.user_id, minute=one.minute, opening=one.opening, heard_at=one.at
            )
            for one in heard
        ],
        update_conflicts=True,
        unique_fields=["campus", "user_id", "minute", "opening"],
        update_fields=["heard_at"],
        batch_size=1000,
    )
    OnlineMinute.objects.filter(minute__lt=minute_of(now - KEPT)).delete()
    return [one for one in heard if one.minute < minute_of(now)]
