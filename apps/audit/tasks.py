import logging

from celery import shared_task
from django.db import DatabaseError
from django.utils import timezone

from apps.audit.services import entered, roots_make_and_write, seal_pending
from apps.audit.services.chains import chain_name, every_log_owner

logger = logging.getLogger(__name__)


@shared_task
def seal_entries() -> int:
    """Seal what was written since the last run, campus by campus, and the platform's."""
    sealed = 0
    for campus in every_log_owner(reason="seal audit entries"):
        try:
            with entered(campus) as log:
                sealed += seal_pending(now=timezone.now(), log=log)
        except (
            DatabaseError,
            OverflowError,
        ):  # what is wrong with one log keeps no other from being sealed
            logger.exception("The log of %s could not be sealed.", chain_name(campus))
    return sealed


@shared_task
def make_roots() -> int:
    """Sign the state of every chain once a day; returns how many copies were written."""
    return roots_make_and_write(now=timezone.now()).written
