"""Archiving a term: afterwards the database refuses changes of marks, sessions and enrolments."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from apps.audit.services import Actor, log_event
from apps.common.errors import Refused
from apps.enrollments.models import Term
from apps.enrollments.wording import term_is_archived
from apps.tenants.selectors import campus_day


def term_may_be_archived(*, term: Term, now: datetime) -> None:
    """Raises `Refused` (term_not_over, term_archived)."""
    if term.ends_on >= campus_day(now=now):
        raise Refused("term_not_over", _("A term is archived after its last day."))
    if term.archived_at is not None:
        raise term_is_archived()


@transaction.atomic
def term_archive(*, term: Term, now: datetime, actor: Actor) -> None:
    """Raises `Refused` (term_not_over, term_archived)."""
    term_may_be_archived(term=term, now=now)
    if not Term.objects.filter(pk=term.pk, archived_at=None).update(archived_at=now):
        raise term_is_archived()
    term.archived_at = now
    log_event(actor=actor, action="enrollments.term.archived", now=now, target=term)


@transaction.atomic
def term_reopen(*, term: Term, now: datetime, actor: Actor) -> None:
    """Let an archived term be changed again. Raises `Refused` (term_not_archived)."""
    if not Term.objects.filter(pk=term.pk, archived_at__isnull=False).update(archived_at=None):
        raise Refused("term_not_archived", _("This term is not archived."))
    term.archived_at = None
    log_event(actor=actor, action="enrollments.term.reopened", now=now, target=term)
