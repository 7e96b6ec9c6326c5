"""Requests for erasure: asked, approved by a second person, started when their time has come."""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.models import Faculty, Membership, Role, Student, User
from apps.audit.services import SYSTEM, Actor, log_event
from apps.common.errors import Invalid, Refused
from apps.jobs.models import Job
from apps.jobs.progress import Progress
from apps.jobs.services import job_start
from apps.privacy.models import ErasureRequest
from apps.privacy.registry import KnownPerson
from apps.privacy.selectors import erasure_waiting, person_of, privacy_rules
from apps.privacy.services.closing import person_close, requests_await
from apps.privacy.services.erasing import person_erase

ERASE: Final = "privacy.erase"
OFFICE: Final = (Role.ADMIN, Role.OPERATOR, Role.PRINCIPAL)
Status = ErasureRequest.Status


@transaction.atomic
def erasure_ask(*, person: KnownPerson, own: bool, now: datetime, actor: Actor) -> ErasureRequest:
    """Ask that somebody is erased from this campus; asking again returns the first request.

    Raises `Invalid` (nobody) and `Refused`: holds_office (somebody who runs the campus gives their
    role away first), platform_account.
    """
    if not (person.student_id or person.faculty_id or person.user_id):
        raise Invalid("nobody", _("There is nobody to erase."))
    _refuse_office(person)
    known = erasure_waiting(person=person)
    if known is not None:
        return known
    rules = privacy_rules()
    try:
        with transaction.atomic():
            request = ErasureRequest.objects.create(
                student_id=person.student_id,
                faculty_id=person.faculty_id,
                account_id=person.user_id,
                asked_at=now,
                asked_by_id=actor.id,
                is_own=own,
                due_at=now + timedelta(days=rules.erasure_waiting_days),
                needs_approval=rules.four_eyes,
            )
    except IntegrityError:
        known = erasure_waiting(person=person)
        if known is None:
            raise
        return known
    _log(request, actor=actor, action="privacy.erasure.asked", now=now, own=own)
    return request


def _refuse_office(person: KnownPerson) -> None:
    if person.user_id is None:
        return
    if Membership.objects.filter(user_id=person.user_id, is_active=True, role__in=OFFICE).exists():
        message = _("Somebody who runs the campus gives this role to another person first.")
        raise Refused("holds_office", message)
    if User.objects.filter(pk=person.user_id, is_superuser=True).exists():
        raise Refused("platform_account", _("This account is the platform's."))


@transaction.atomic
def erasure_approve(*, request: ErasureRequest, now: datetime, actor: Actor) -> None:
    """A second person agrees. Raises `Refused`: same_person, erasure_ended."""
    if actor.id == request.asked_by_id:
        message = _("Somebody other than the one who asked has to approve it.")
        raise Refused("same_person", message)
    approved = ErasureRequest.objects.filter(
        pk=request.pk, status=Status.WAITING, approved_at__isnull=True
    ).update(approved_at=now, approved_by_id=actor.id)
    if not approved:
        raise Refused("erasure_ended", _("It was approved, done or withdrawn already."))
    _log(request, actor=actor, action="privacy.erasure.approved", now=now)


@transaction.atomic
def erasure_withdraw(*, request: ErasureRequest, now: datetime, actor: Actor) -> None:
    """Nothing is erased. Raises `Refused` (erasure_ended)."""
    ended = ErasureRequest.objects.filter(pk=request.pk, status=Status.WAITING).update(
        status=Status.WITHDRAWN, ended_at=now
    )
    if not ended:
        raise Refused("erasure_ended", _("It was done or withdrawn already."))
    _log(request, actor=actor, action="privacy.erasure.withdrawn", now=now)


def _log(request: ErasureRequest, *, actor: Actor, action: str, now: datetime, **data: Any) -> None:
    log_event(actor=actor, action=action, now=now, target=request, data=data)


def erasures_start(*, now: datetime) -> int:
    """Start a job for each request of the entered campus whose time has come; returns how many."""
    due = ErasureRequest.objects.filter(status=Status.WAITING, due_at__lte=now)
    due = due.exclude(needs_approval=True, approved_at__isnull=True)
    started = 0
    for request in due:
        going = Job.objects.filter(kind=ERASE, params__request=str(request.pk))
        if going.filter(status__in=(Job.Status.QUEUED, Job.Status.RUNNING)).exists():
            continue
        erasure_start(request=request, now=now)
        started += 1
    return started


def erasure_start(*, request: ErasureRequest, now: datetime) -> Job:
    """Close the person here and queue the job; its title names nobody: it stays.

    From the commit on no new request of theirs gets in, so that the job, which waits for those
    under way, finds all that they wrote.
    """
    person = _person(request)
    try:
        _refuse_office(person)
    except Refused:
        pass  # the job says so
    else:
        person_close(person=person, now=now)
    params = {"request": str(request.pk)}
    return job_start(kind=ERASE, title=_("Erasure"), params=params, user_id=None, now=now)


@transaction.atomic
def erasure_hasten(*, request: ErasureRequest, now: datetime, actor: Actor) -> Job:
    """For the operator's command: no waiting time and no second person; the log says so."""
    ErasureRequest.objects.filter(pk=request.pk, status=Status.WAITING).update(
        due_at=now, needs_approval=False
    )
    _log(request, actor=actor, action="privacy.erasure.hastened", now=now)
    return erasure_start(request=request, now=now)


def _person(request: ErasureRequest) -> KnownPerson:
    return person_of(
        student=Student.objects.filter(pk=request.student_id or 0).first(),
        faculty=Faculty.objects.filter(pk=request.faculty_id or 0).first(),
        user_id=request.account_id,
    )


def erasure_run(job: Job, progress: Progress) -> dict[str, Any]:
    """The job: erase, prove, and close the request, in one transaction."""
    now = timezone.now()  # noqa: TID251  (jobs are interfaces)
    request = ErasureRequest.objects.select_for_update(of=("self",)).get(
        pk=UUID(job.params["request"])
    )
    if request.status != Status.WAITING:
        return {"status": request.status}
    if request.needs_approval and request.approved_at is None:
        raise Refused("not_approved", _("Nobody has approved it."))
    person = _person(request)
    _refuse_office(person)
    requests_await()
    proof, sha256 = person_erase(
        person=person,
        now=now,
        actor=SYSTEM,
        report_progress=lambda done, total: progress.at(done, total, phase=_("erasing")),
    )
    ErasureRequest.objects.filter(pk=request.pk).update(
        status=Status.DONE, account_id=None, ended_at=now, proof=proof, proof_sha256=sha256
    )
    data = {"proof_sha256": sha256, "pseudonym": person.pseudonym}
    _log(request, actor=SYSTEM, action="privacy.person.erased", now=now, **data)
    return {"proof_sha256": sha256}
