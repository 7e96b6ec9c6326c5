from celery import shared_task

from apps.audit.services import seal_pending
from apps.tenants.scope import campus_scope
from apps.tenants.selectors import every_campus


@shared_task
def seal_entries() -> int:
    """Seal what was written since the last run, campus by campus."""
    sealed = 0
    for campus in every_campus(reason="seal audit entries"):
        with campus_scope(campus):
            sealed += seal_pending()
    return sealed
