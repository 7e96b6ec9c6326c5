from celery import shared_task
from django.utils import timezone

from apps.audit.services import entered, roots_make_and_write, seal_pending
from apps.audit.services.chains import every_log_owner


@shared_task
def seal_entries() -> int:
    """Seal what was written since the last run, campus by campus, and the platform's."""
    sealed = 0
    for campus in every_log_owner(reason="seal audit entries"):
        with entered(campus) as log:
            sealed += seal_pending(now=timezone.now(), log=log)
    return sealed


@shared_task
def make_roots() -> int:
    """Sign the state of every chain once a day; returns how many copies were written."""
    return roots_make_and_write(now=timezone.now()).written
