"""Giving and withdrawing consent."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.models import Student
from apps.audit.services import Actor, log_event
from apps.common.errors import Invalid, NotFound, Refused
from apps.privacy.models import Consent
from apps.privacy.registry import erasers_of
from apps.privacy.selectors import active_consent, wording_of
from apps.privacy.wording import WORDINGS


@transaction.atomic
def consent_give(
    *, student: Student, kind: str, version: str, now: datetime, actor: Actor
) -> Consent:
    """Record agreement to the current wording; agreeing to it again changes nothing.

    Raises `Invalid` (unknown_consent) or `Refused` (outdated_wording: the person read an older
    text than the one in force). A consent in an older wording is replaced; nothing is erased.
    """
    if kind not in WORDINGS:
        raise Invalid("unknown_consent", _("There is no such consent."))
    wording = wording_of(kind=kind)
    if version != wording.version:
        raise Refused(
            "outdated_wording",
            _("The wording has changed: read it again."),
            version=wording.version,
        )
    # One change of a student's consents at a time: the unique constraint allows one active each.
    Student.objects.select_for_update().get(pk=student.pk)
    held = active_consent(student=student, kind=kind)
    if held is not None and held.version == version:
        return held
    if held is not None:
        Consent.objects.filter(pk=held.pk).update(withdrawn_at=now)
    consent = Consent.objects.create(student=student, kind=kind, version=version, given_at=now)
    data = {"kind": kind, "version": version}
    log_event(actor=actor, action="privacy.consent.given", now=now, target=student, data=data)
    return consent


@transaction.atomic
def consent_withdraw(*, student: Student, kind: str, now: datetime, actor: Actor) -> int:
    """End the consent and erase what rested on it, at once; returns how many things went.

    Raises `NotFound` (no_consent). Consent and erasure succeed or fail together.
    """
    ended = Consent.objects.filter(student=student, kind=kind, withdrawn_at__isnull=True).update(
        withdrawn_at=now
    )
    if not ended:
        raise NotFound("no_consent", _("There is no such consent to withdraw."))
    erased = {
        eraser.__name__: eraser(student=student, now=now, actor=actor)
        for eraser in erasers_of(kind)
    }
    data = {"kind": kind, "erased": erased}
    log_event(actor=actor, action="privacy.consent.withdrawn", now=now, target=student, data=data)
    return sum(erased.values())
