"""Findings: made at the closing and on demand, dismissed by people. They never change a mark."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from apps.attendance.selectors.register import board_key
from apps.audit.services import Actor, log_event
from apps.common.cache import touch
from apps.common.errors import Invalid, Refused
from apps.integrity.detectors import WEIGHTS, DetectedFinding, findings_of
from apps.integrity.models import Finding, FindingKind
from apps.integrity.selectors import arrivals_of, keys_in, passkey_uses, seen_in
from apps.sessions.models import ClassSession

# Coordinates are dropped after a day, and then less is seen than there was.
FULL_SIGHT: Final = timedelta(hours=24)
FIND_TASK: Final = "apps.integrity.tasks.find_findings"
CHALLENGE_KINDS: Final = (FindingKind.RAPID_CODE_FAILED, FindingKind.RAPID_CODE_PASSED)


@transaction.atomic
def findings_find(*, session: ClassSession, now: datetime) -> list[Finding]:
    """Check a session and bring the stored ones up to date; returns all that stand.

    Safe to repeat. A finding keeps its first time and its dismissal. What is not found any more
    (the class's median has moved) is removed, unless somebody dismissed it or a part of the
    evidence has been dropped meanwhile. Nine statements for any number of students, one or two more
    where passkeys were used.
    """
    ClassSession.objects.select_for_update(no_key=True).get(pk=session.pk)
    if session.opened_at is None:
        return []
    seen = seen_in(session_id=session.pk)
    found = findings_of(
        seen,
        arrivals_of(session=session),
        keys_in(session_id=session.pk),
        passkey_uses(session_id=session.pk, seen=seen),
    )
    findings_save(session=session, found=found, now=now)
    if now - session.opened_at < FULL_SIGHT:
        _delete_others(session=session, found=found)
    touch(board_key(session.pk))
    return list(Finding.objects.filter(session=session).order_by("student_id", "kind"))


def findings_save(
    *, session: ClassSession, found: Collection[DetectedFinding], now: datetime
) -> None:
    """Save these findings; those that are known get their newest facts."""
    Finding.objects.bulk_create(
        [
            Finding(
                session=session,
                student_id=one.student_id,
                kind=one.kind,
                detail=dict(one.detail),
                score=WEIGHTS[one.kind],
                at=now,
            )
            for one in found
        ],
        update_conflicts=True,
        unique_fields=["campus", "session", "student", "kind"],
        update_fields=["detail"],
        batch_size=1000,
    )


def _delete_others(*, session: ClassSession, found: Collection[DetectedFinding]) -> None:
    known = (
        Finding.objects.filter(session=session, dismissed_at__isnull=True)
        .exclude(kind__in=CHALLENGE_KINDS)
        .values_list("pk", "student_id", "kind")
    )
    standing = {(one.student_id, str(one.kind)) for one in found}
    gone = [pk for pk, student_id, kind in known if (student_id, kind) not in standing]
    Finding.objects.filter(pk__in=gone).delete()


@transaction.atomic
def finding_dismiss(*, finding: Finding, note: str, now: datetime, actor: Actor) -> Finding:
    """Somebody looked at the finding and it was nothing; needs a note. It stays, without weight."""
    if not note.strip():
        raise Invalid("note_required", _("Say why this finding means nothing."))
    dismissed = Finding.objects.filter(Q(dismissed_at__isnull=True), pk=finding.pk).update(
        dismissed_at=now, dismissed_by=actor.label, note=note.strip()[:500]
    )
    if not dismissed:
        raise Refused("already_dismissed", _("This finding has been dismissed already."))
    finding.refresh_from_db()
    touch(board_key(finding.session_id))
    log_event(
        actor=actor,
        action="integrity.finding.dismissed",
        now=now,
        target=finding,
        data={"kind": finding.kind, "student": finding.student_id, "note": finding.note},
    )
    return finding
