"""Campuses that are to be removed: reminding people, and removing them when the day has come."""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from django.core.mail import send_mail
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.accounts.models import User
from apps.audit.services import SYSTEM
from apps.backup.errors import BackupFailed
from apps.moving.removal import administrators_of, campus_remove
from apps.tenants.models import CampusRemoval

logger = logging.getLogger(__name__)

DAYS_BEFORE: Final = (7, 1)  # people are reminded, by a task that runs daily


def removals_look(*, now: datetime) -> int:
    """Returns how many campuses were removed.

    Where processes do not know the owner's role, the platform's administrators are asked daily to
    run the command.
    """
    removed = 0
    for removal in CampusRemoval.objects.select_related("campus").order_by("due_at"):
        if removal.due_at > now:
            _remind(removal, now)
            continue
        slug = removal.campus.slug
        try:
            campus_remove(slug=slug, now=now, actor=SYSTEM)
            removed += 1
        except BackupFailed as error:
            logger.error("The campus %s could not be removed: %s", slug, error)
            text = _("Run on the server, as the owner's role: manage.py remove_campus --finish")
            _mail(_("Campus: %(slug)s is due to be removed"), slug, [str(error), text])
    return removed


def _remind(removal: CampusRemoval, now: datetime) -> None:
    days = -((now - removal.due_at) // timedelta(days=1))
    if days not in DAYS_BEFORE:
        return
    campus = removal.campus
    said = ngettext(
        "In %(days)s day everything of %(campus)s will be deleted.",
        "In %(days)s days everything of %(campus)s will be deleted.",
        days,
    ) % {"days": days, "campus": campus.name}
    stop = _(
        "To stop that, ask those who run the platform: manage.py remove_campus %(slug)s --undo"
    )
    lines = [said, stop % {"slug": campus.slug}]
    subject = _("Campus: %(slug)s will be removed")
    _mail(subject, campus.slug, lines, also=administrators_of(campus))


def _mail(subject: str, slug: str, lines: list[str], *, also: Iterable[str] = ()) -> None:
    """One mail for each address: nobody learns the others."""
    supers = User.objects.filter(is_superuser=True, is_active=True)
    addresses = {*also, *supers.values_list("email", flat=True)}
    for address in sorted(addresses):
        try:
            send_mail(subject % {"slug": slug}, "\n".join(lines), None, [address])
        except OSError:
            logger.exception("A reminder of the removal of %s could not be sent.", slug)
