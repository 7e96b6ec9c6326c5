"""One-time codes that a lecturer tells: to one student, or, where the policy says so, to all."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.models import Student
from apps.attendance.selectors.register import register_of
from apps.audit.services import Actor
from apps.common.errors import NotFound, Refused
from apps.sessions.models import ClassSession
from apps.sessions.services import check_in_code_issue


def class_codes_allowed(session: ClassSession) -> bool:
    """Whether the policy that the session was opened under knows codes for the whole class."""
    return session.policy.get("class_code_weight") is not None


@transaction.atomic
def student_code_issue(
    *, session: ClassSession, student_id: int, now: datetime, actor: Actor
) -> tuple[str, datetime, Student]:
    """A code for one student of the register: 5 minutes, once, for nobody else. Replaces an
    earlier one, and the student's wrong tries stay counted."""
    enrolled = register_of(session_id=session.pk).filter(student_id=student_id).first()
    if enrolled is None:
        raise NotFound("student_not_found", _("This student is not in the register."))
    code, expires_at = check_in_code_issue(
        session=session, student_id=student_id, now=now, actor=actor
    )
    return code, expires_at, enrolled.student


@transaction.atomic
def class_code_issue(*, session: ClassSession, now: datetime, actor: Actor) -> tuple[str, datetime]:
    """A code for every student of the session, at the weight that the policy gives it."""
    if not class_codes_allowed(session):
        raise Refused(
            "class_codes_off",
            _("Codes for the whole class are not allowed here. Give each student a code."),
        )
    return check_in_code_issue(session=session, student_id=None, now=now, actor=actor)
