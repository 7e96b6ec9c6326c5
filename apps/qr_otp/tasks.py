from datetime import datetime, timedelta
from functools import partial
from typing import Final

from celery import shared_task
from django.utils import timezone

from apps.qr_otp.models import OneTimeCode, QrSecret, Scan, Tries
from apps.tenants.tasks import in_each_campus

KEPT: Final = timedelta(days=30)


@shared_task
def purge_codes() -> None:
    """Remove codes that ended more than 30 days ago, and the addresses of scans as old."""
    in_each_campus(partial(_purge, timezone.now() - KEPT), reason="purge ended codes")


def _purge(before: datetime) -> None:
    OneTimeCode.objects.filter(expires_at__lt=before).delete()
    QrSecret.objects.filter(ended_at__lt=before).delete()
    Tries.objects.filter(last_at__lt=before).delete()
    Scan.objects.filter(at__lt=before, address__isnull=False).update(address=None)
