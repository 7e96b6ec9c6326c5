"""E-mails with a link to choose a password, through the outbox."""

from datetime import datetime

from apps.accounts.models import User
from apps.accounts.permissions import may_enter
from apps.notifications.services import notify
from apps.tenants.models import Campus
from apps.tenants.scope import current_campus_id


def password_link_send(*, user: User, host: str, now: datetime) -> int:
    """The office sends the link: a welcome to who never signed in, else a new password.

    `host` is the campus's domain that the link names. Returns how many will hear it (0 or 1).
    """
    is_new = user.last_login is None and not user.has_usable_password()
    return _send(user, "password_welcome" if is_new else "password_link", host, now)


def password_link_send_asked(*, email: str, host: str, now: datetime) -> int:
    """Somebody typed this address on the page; only people of this campus get an e-mail."""
    user = User.objects.filter(email=email.strip().lower(), is_active=True).first()
    if user is None or not may_enter(user):
        return 0
    return _send(user, "password_reset", host, now)


def _send(user: User, text: str, host: str, now: datetime) -> int:
    campus = Campus.objects.get(pk=current_campus_id())
    return notify(
        kind="password_link",
        text=text,
        user_ids=[user.pk],
        data={"campus": campus.name, "host": host},
        now=now,
        key=f"{text}:{user.pk}:{now.isoformat()}",
    )
