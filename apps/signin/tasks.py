"""Work of accounts that a request does not wait for."""

from celery import shared_task
from django.utils import timezone

from apps.accounts.services import password_link_send_asked
from apps.tenants.tasks import CampusTask


@shared_task(base=CampusTask)
def mail_password_link(email: str, host: str) -> int:
    """Put the e-mail into the outbox if somebody of this campus has that address."""
    return password_link_send_asked(email=email, host=host, now=timezone.now())
