"""Where a person is signed in."""

from datetime import datetime

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session

from apps.accounts.models import User
from apps.accounts.open_sessions import belongs_here, store_of


def sign_ins_of(*, user: User, now: datetime, here_only: bool = False) -> list[UserSession]:
    """Browsers and apps that are signed in to the account, last used first; two statements.

    `here_only`: those of the entered campus, with a statement more for each.

    Sessions that ran out are left out; the library deletes them when its own list is opened.
    """
    rows = list(UserSession.objects.filter(user=user).order_by("-last_seen_at", "-pk"))
    alive = set(
        Session.objects.filter(
            session_key__in=[row.session_key for row in rows], expire_date__gt=now
        ).values_list("session_key", flat=True)
    )
    found = [row for row in rows if row.session_key in alive]
    return [row for row in found if not here_only or belongs_here(store_of(row.session_key))]
