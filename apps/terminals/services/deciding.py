"""What people decide about queued punches: of which session one is, or that it is none."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.utils.translation import gettext as _

from apps.attendance.selectors.policies import Editor, edit_refusal, policy_for, refuse_edit
from apps.attendance.selectors.register import register_of
from apps.audit.services import Actor, log_event
from apps.common.errors import Refused
from apps.sessions.models import ClassSession
from apps.terminals.models import Punch
from apps.terminals.selectors import card_at, cards_by_digest
from apps.terminals.services.counting import (
    attempt_write,
    punch_attempt,
    session_hold,
    session_settle,
    students_lock,
)

UNDECIDED = (Punch.Status.QUEUED, Punch.Status.WAITING, Punch.Status.ASIDE)


@transaction.atomic
def punch_assign(*, punch: Punch, session: ClassSession, now: datetime, actor: Actor) -> Punch:
    """Count a punch in this session, whatever the policy says of cards: a person has decided.

    A mark by hand stays. Raises `Refused` (punch_decided, card_unknown, not_enrolled and the
    reasons of `edit_refusal`).
    """
    held = Punch.objects.select_for_update(of=("self",)).get(pk=punch.pk)
    if held.status not in UNDECIDED:
        raise Refused("punch_decided", _("This punch has been decided on already."))
    if held.student_id is None:
        digest = bytes(held.digest)
        card = card_at(cards_by_digest([digest]).get(digest, []), held.at)
        held.student = None if card is None else card.student
    if held.student_id is None:
        message = _("Nobody is known to have this card. Add it to its student first.")
        raise Refused("card_unknown", message)
    students_lock([held.student_id])
    judged, is_completed = session_hold(session.pk)
    fresh = ClassSession.objects.select_related("course").get(pk=session.pk)
    policy = policy_for(course=fresh.course)
    refuse_edit(edit_refusal(session=fresh, role=Editor.OFFICE, policy=policy, now=now))
    if not register_of(session_id=fresh.pk).filter(student_id=held.student_id).exists():
        raise Refused("not_enrolled", _("This student is not in the register of that session."))
    worth = Decimal(judged.policy.get("card_weight") or 0)
    attempt = punch_attempt(held, judged, worth=worth, now=now)
    attempt.decided_by = actor.label
    attempt_write(attempt, judged, now=now, actor=actor)
    session_settle(fresh.pk, is_completed=is_completed)
    held.session, held.status, held.attempt_id = fresh, Punch.Status.COUNTED, attempt.pk
    held.decided_by, held.decided_at = actor.label, now
    held.save()
    data = {"session": fresh.pk, "student": held.student_id, "reason": held.reason}
    log_event(actor=actor, action="terminals.punch.assigned", now=now, target=held, data=data)
    return held


@transaction.atomic
def punches_put_aside(*, punches: Iterable[Punch], now: datetime, actor: Actor) -> int:
    """They count for nothing and leave the queue; returns how many. They can still be assigned."""
    done = 0
    for punch in punches:
        undecided = Punch.objects.filter(
            pk=punch.pk, status__in=(Punch.Status.QUEUED, Punch.Status.WAITING)
        )
        if undecided.update(status=Punch.Status.ASIDE, decided_by=actor.label, decided_at=now):
            done += 1
            data = {"reason": punch.reason}
            log_event(
                actor=actor, action="terminals.punch.put_aside", now=now, target=punch, data=data
            )
    return done
