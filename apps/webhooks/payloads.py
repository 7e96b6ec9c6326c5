"""What an event says, read when it is sent: the row as it stands then.

No names and no reasons: students are named by their number, rows by the ids that the REST interface
has. docs/guides/integrations.md is the contract.
"""

import json
from collections.abc import Callable
from typing import Any, Final

from django.core.serializers.json import DjangoJSONEncoder

from apps.attendance.models import AttendanceRecord, BulkChange
from apps.checkin.models import CheckInAttempt
from apps.enrollments.models import Term
from apps.imports.models import ImportRun
from apps.leave.models import LeaveRequest
from apps.sessions.models import ClassSession
from apps.tenants.models import Campus
from apps.webhooks.events import TEST
from apps.webhooks.models import WebhookDelivery

Data = dict[str, Any]
_SESSION_PARTS: Final = ("course__subject", "classroom__building")


def body_of(delivery: WebhookDelivery, *, campus: Campus) -> bytes | None:
    """The JSON of one event; None where the row that it is about is gone."""
    data = {"test": True} if delivery.event == TEST else _data(delivery)
    if data is None:
        return None
    content = {
        "type": delivery.event,
        "timestamp": delivery.at,
        "data": {"campus": campus.slug, **data},
    }
    return json.dumps(content, cls=DjangoJSONEncoder, ensure_ascii=False).encode()


def _data(delivery: WebhookDelivery) -> Data | None:
    build = _BUILDERS.get(delivery.target_type)
    return build(delivery.target_id) if build else None


def _session(key: str) -> Data | None:
    session = ClassSession.objects.filter(pk=key).select_related(*_SESSION_PARTS).first()
    return {"session": _session_facts(session)} if session else None


def _session_facts(session: ClassSession) -> Data:
    return {
        "id": session.pk,
        "courses": list(session.course_codes),
        "starts_at": session.starts_at,
        "ends_at": session.ends_at,
        "status": session.status,
        "topic": session.topic,
        "classroom": str(session.classroom) if session.classroom else None,
        "total_enrolled": session.total_enrolled,
        "total_attended": session.total_attended,
    }


def _record(key: str) -> Data | None:
    found = _records().filter(pk=key).first()
    return {"record": _record_facts(found), **_of(found.session)} if found else None


def _bulk_change(key: str) -> Data | None:
    """Every mark of the change as it stands now; one that was undone to nothing has no status."""
    change = BulkChange.objects.filter(pk=key).first()
    if change is None:
        return None
    session = ClassSession.objects.select_related(*_SESSION_PARTS).get(pk=change.session_id)
    numbers = dict(change.changes.values_list("student_id", "student__code"))
    marks = {
        mark.student_id: _record_facts(mark)
        for mark in _records().filter(session=session, student_id__in=numbers)
    }
    nothing = {"id": None, "status": "", "source": "", "minutes_late": 0}
    records = [
        marks.get(student_id, {**nothing, "student": number})
        for student_id, number in sorted(numbers.items(), key=lambda pair: pair[1])
    ]
    return {"records": records, **_of(session)}


def _records() -> Any:
    return AttendanceRecord.objects.select_related(
        "student", "label", *(f"session__{part}" for part in _SESSION_PARTS)
    )


def _record_facts(record: AttendanceRecord) -> Data:
    return {
        "id": record.pk,
        "student": record.student.code,
        "status": record.shown_code,
        "source": record.source,
        "minutes_late": record.minutes_late,
    }


def _of(session: ClassSession) -> Data:
    return {"session": _session_facts(session)}


def _attempt(key: str) -> Data | None:
    parts = (f"session__{part}" for part in _SESSION_PARTS)
    attempt = CheckInAttempt.objects.filter(pk=key).select_related("student", *parts).first()
    if attempt is None:
        return None
    facts = {
        "id": attempt.pk,
        "student": attempt.student.code,
        "outcome": attempt.outcome,
        "score": attempt.score,
    }
    return {"check_in": facts, **_of(attempt.session)}


def _leave(key: str) -> Data | None:
    leave = LeaveRequest.objects.filter(pk=key).select_related("student", "course").first()
    if leave is None:
        return None
    facts = {
        "id": leave.pk,
        "student": leave.student.code,
        "course": leave.course.code if leave.course else None,
        "starts_at": leave.starts_at,
        "ends_at": leave.ends_at,
        "status": leave.status,
    }
    return {"leave": facts}


def _import(key: str) -> Data | None:
    run = ImportRun.objects.filter(pk=key).first()
    if run is None:
        return None
    status = "saved" if run.status == ImportRun.Status.DONE else "failed"
    facts = {"id": run.pk, "kind": run.kind, "status": status, "finished_at": run.finished_at}
    return {"import": facts}


def _term(key: str) -> Data | None:
    term = Term.objects.filter(pk=key).first()
    if term is None:
        return None
    days = {"starts_on": term.starts_on, "ends_on": term.ends_on}
    return {"term": {"id": term.pk, "name": term.name, "academic_year": term.academic_year, **days}}


_BUILDERS: Final[dict[str, Callable[[str], Data | None]]] = {
    ClassSession._meta.label_lower: _session,
    AttendanceRecord._meta.label_lower: _record,
    BulkChange._meta.label_lower: _bulk_change,
    CheckInAttempt._meta.label_lower: _attempt,
    LeaveRequest._meta.label_lower: _leave,
    ImportRun._meta.label_lower: _import,
    Term._meta.label_lower: _term,
}
