"""What the consent promises: photos and templates go when the enrolment has ended."""

from datetime import date, datetime, timedelta
from typing import Final

from django.db.models import F, Max
from django.db.models.functions import Coalesce

from apps.audit.services import SYSTEM
from apps.biometrics.models import StoredImage
from apps.biometrics.storage import SNAPSHOTS
from apps.enrollments.models import Enrollment
from apps.privacy.models import Consent
from apps.privacy.selectors import privacy_rules
from apps.privacy.services import consent_withdraw
from apps.tenants.models import Campus
from apps.tenants.scope import current_campus_id

# This wording promises the end of the enrolment itself, and not some days after it.
AT_ONCE: Final = frozenset({"2026-1"})


def former_faces_erase(*, now: datetime) -> int:
    """End the consents of students whose last enrolment has ended, and erase what rested on them.

    An enrolment ends on its own day or with its term. Who was never enrolled is on the way in, and
    keeps it while their entry is active. Returns how many things were erased.
    """
    today = now.astimezone(Campus.objects.get(pk=current_campus_id()).zone).date()
    days = privacy_rules().faces_days
    ends = _last_days()
    erased = 0
    given = Consent.objects.filter(kind=Consent.Kind.FACE, withdrawn_at__isnull=True)
    for consent in given.select_related("student").order_by("pk"):
        after = timedelta(days=0 if consent.version in AT_ONCE else days)
        last = ends.get(consent.student_id)
        if last is None and not consent.student.is_active:
            last = consent.student.updated_at.date()
        if last is not None and today > last + after:
            erased += consent_withdraw(
                student=consent.student, kind=consent.kind, now=now, actor=SYSTEM
            )
    return erased


def _last_days() -> dict[int, date]:
    """Student → the last day of their last enrolment."""
    rows = Enrollment.objects.order_by().values("student_id")
    found = rows.annotate(last=Max(Coalesce(F("ended_on"), F("course__term__ends_on"))))
    return dict(found.values_list("student_id", "last"))


def selfies_shorten(*, now: datetime) -> int:
    """Keep photos of check-ins no longer than the campus says; returns how many are due sooner."""
    kept = timedelta(days=privacy_rules().selfies_days)
    longer = StoredImage.objects.filter(
        key__startswith=f"{SNAPSHOTS}/", delete_after__gt=F("stored_at") + kept
    )
    return longer.update(delete_after=F("stored_at") + kept)
