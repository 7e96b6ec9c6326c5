"""Work of accounts that a request does not wait for."""

from celery import shared_task
from django.contrib.sessions.models import Session
from django.utils import timezone

from apps.accounts.services import password_link_send_asked
from apps.tenants.tasks import CampusTask


@shared_task(base=CampusTask)
def mail_password_link(email: str, host: str) -> int:
    """Put the e-mail into the outbox if somebody of this campus has that address."""
    return password_link_send_asked(email=email, host=host, now=timezone.now())


@shared_task
def purge_sessions() -> int:
    """Delete sessions that are over; returns how many."""
    return Session.objects.filter(expire_date__lt=timezone.now()).delete()[0]
