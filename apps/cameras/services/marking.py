"""A sighting marks: by the bulk marking that exists, once for a student and session, never away."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count, QuerySet
from django.utils.translation import gettext as _

from apps.attendance.models import AttendanceRecord, BulkChange, RecordSource, Status
from apps.attendance.selectors.policies import Editor
from apps.attendance.selectors.register import may_improve
from apps.attendance.services.bulk_marking import SAVED, MarkInput, records_mark_bulk
from apps.attendance.services.bulk_undo import BY_CAMERA, bulk_undo
from apps.audit.services import Actor, log_event
from apps.cameras.models import Camera, CameraEvent
from apps.cameras.selectors import OpenRegister, marked_by_camera
from apps.common.errors import Refused
from apps.sessions.models import ClassSession


def camera_actor(camera: Camera) -> Actor:
    return Actor(id=f"{BY_CAMERA}{camera.pk}", label=f"camera: {camera.name}"[:254])


def earned(session: ClassSession, at: datetime) -> Status | None:
    """What being seen at this moment earns by the session's own policy: present, late, or nothing
    (before its opening, or outside of the time for check-ins)."""
    policy, start = session.policy, session.starts_at
    first, last = (policy.get(f"check_in_{end}_minutes") for end in ("from", "until"))
    if session.opened_at is None or at < session.opened_at:
        return None
    if first is not None and at < start + timedelta(minutes=first):
        return None
    if last is not None and at > start + timedelta(minutes=last):
        return None
    after = policy.get("late_after_minutes") or 0
    grace = policy.get("grace_minutes", after)
    due = max(start + timedelta(minutes=after), session.opened_at + timedelta(minutes=grace))
    return Status.LATE if after and at >= due else Status.PRESENT


def sightings_mark(
    *,
    register: OpenRegister,
    student_ids: Collection[int],
    at: datetime,
    nonce: str,
    actor: Actor,
    now: datetime,
) -> tuple[BulkChange | None, set[int]]:
    """Mark who of them is not marked yet; the change, and whom it marked.

    Left alone: who attended, whom a person marked, and whom a camera marked in this session before,
    since a lecturer may have taken that back.
    """
    session = register.session
    status = earned(session, at)
    wanted = sorted(register.student_ids.intersection(student_ids))
    before = marked_by_camera(session=session, student_ids=wanted)
    wanted = [pk for pk in wanted if pk not in before]
    if status is None or not wanted:
        return None, set()
    rows = AttendanceRecord.objects.filter(session=session, student__in=wanted)
    records = {row.student_id: row for row in rows.select_related("label")}
    marks = _marks(wanted, records, status)
    if not marks:
        return None, set()
    try:
        bulk = records_mark_bulk(
            session=session,
            marks=marks,
            nonce=nonce,
            now=now,
            actor=actor,
            role=Editor.LECTURER,
            reason=_("Seen by a camera"),
            source=RecordSource.CAMERA,
        )
    except Refused:  # closed or locked meanwhile: the sighting stays
        return None, set()
    return bulk, {row["student"] for row in bulk.results if row["result"] == SAVED}


def _marks(
    student_ids: Collection[int], records: Mapping[int, AttendanceRecord], status: Status
) -> list[MarkInput]:
    marks = []
    for pk in student_ids:
        row = records.get(pk)
        was, source = (row.status, row.source) if row else ("", "")
        if row is None or may_improve(status, status=was, source=source):
            shown = row.shown_code if row else ""
            marks.append(MarkInput(student_id=pk, status=status, was=shown))
    return marks


def _standing(session: ClassSession) -> QuerySet[BulkChange]:
    """What cameras changed in it, unless it was taken back."""
    return BulkChange.objects.filter(
        session=session, undone_at=None, actor_id__startswith=BY_CAMERA
    )


def marked_by_cameras(*, session: ClassSession) -> int:
    """How many students cameras have marked in this session, unless that was taken back."""
    found: int = _standing(session).aggregate(marks=Count("changes"))["marks"]
    return found


@transaction.atomic
def camera_marks_undo(
    *,
    session: ClassSession,
    now: datetime,
    actor: Actor,
    role: Editor = Editor.LECTURER,
) -> int:
    """Take back what cameras marked in this session; how many marks. No camera marks them again.

    Marks that somebody changed since stay. Raises what `edit_refusal` says.
    """
    undone = 0
    for bulk in _standing(session).order_by("-pk"):
        results = bulk_undo(bulk=bulk, now=now, actor=actor, role=role)
        undone += sum(row.result == SAVED for row in results)
    seen = CameraEvent.objects.filter(session=session, bulk__isnull=False).count()
    data = {"session": session.pk, "marks": undone, "sightings": seen}
    log_event(actor=actor, action="cameras.marks.undone", now=now, target=session, data=data)
    return undone
