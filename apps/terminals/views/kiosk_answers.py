"""What the screen of a kiosk says, large: names as the projector of that session may show them."""

from collections.abc import Collection

from django.utils.translation import gettext as _

from apps.accounts.models import Student
from apps.attendance.models import Arrivals
from apps.attendance.selectors.policies import policies_for
from apps.checkin.models import CheckInAttempt, Outcome, Reason
from apps.sessions.models import ClassSession
from apps.terminals.models import Punch
from apps.terminals.services.kiosks import KioskCode


def punch_answers(rows: Collection[Punch]) -> list[dict[str, str]]:
    """One for each, with its id. Two statements whatever their number."""
    names = _arrivals([row.session for row in rows if row.session is not None])
    ids = {row.attempt_id for row in rows if row.attempt_id is not None}
    waiting = CheckInAttempt.objects.filter(pk__in=ids, outcome=Outcome.WAITING)
    waiting_ids = set(waiting.values_list("pk", flat=True)) if ids else set()
    return [
        {"id": row.key, **_punch(row, names, is_waiting=row.attempt_id in waiting_ids)}
        for row in rows
    ]


def code_answer(used: KioskCode) -> dict[str, str]:
    if used.student is None or used.session is None:
        return _refused(str(used.reason.label) if used.reason else "")
    return _welcome(used.student, used.session, _arrivals([used.session]))


def _arrivals(sessions: Collection[ClassSession]) -> dict[int, str]:
    """By course, how people are named who arrive."""
    found = policies_for(course_ids={session.course_id for session in sessions})
    return {course_id: policy.arrivals for course_id, policy in found.items()}


def _punch(row: Punch, names: dict[int, str], *, is_waiting: bool) -> dict[str, str]:
    is_undecided = row.status in (Punch.Status.QUEUED, Punch.Status.ASIDE)
    if row.student is None or row.session is None or is_undecided:
        return _refused(str(row.get_reason_display()))
    welcome = _welcome(row.student, row.session, names)
    if row.session.status == ClassSession.Status.SCHEDULED:
        text = _("It counts as soon as the class is opened.")
        return {**welcome, "state": "waits", "text": text}
    if is_waiting:
        return {**welcome, "state": "waits", "text": str(Reason.CARD_ALONE.label)}
    return {**welcome, "text": _("You are marked already.") if row.reason else ""}


def _welcome(student: Student, session: ClassSession, names: dict[int, str]) -> dict[str, str]:
    name = {
        Arrivals.NAMES: str(student),
        Arrivals.INITIALS: "".join(
            f"{part[0]}." for part in (student.first_name, student.last_name) if part
        ),
    }.get(Arrivals(names[session.course_id]), "")
    return {"state": "welcome", "name": name, "text": ""}


def _refused(text: str) -> dict[str, str]:
    return {"state": "refused", "name": "", "text": text}
