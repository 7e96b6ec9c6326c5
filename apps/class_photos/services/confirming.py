"""The lecturer says who is there: marks by `records_mark_bulk`, and their undo."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from apps.attendance.models import AttendanceRecord, BulkChange, RecordSource, Status
from apps.attendance.selectors.policies import Editor
from apps.attendance.services.bulk_marking import (
    SAVED,
    UNCHANGED,
    MarkInput,
    MarkResult,
    bulk_answered,
    records_mark_bulk,
)
from apps.attendance.services.bulk_undo import bulk_undo
from apps.audit.services import Actor, log_event
from apps.class_photos.models import FaceMeaning, PhotoFace, PhotoReview
from apps.class_photos.selectors import (
    attended,
    faces_of,
    improves,
    photos_require,
    review_required,
)
from apps.common.errors import Invalid, NotFound, Refused
from apps.sessions.models import ClassSession


@transaction.atomic
def review_confirm(
    *,
    session: ClassSession,
    nonce: str,
    now: datetime,
    actor: Actor,
    known: bool = False,
    chosen: Iterable[tuple[int, int]] = (),
    role: Editor = Editor.LECTURER,
) -> BulkChange:
    """Mark students present by faces of the open review; everybody else stays as they are.

    `known`: every known face, but for those whom a person marked otherwise. `chosen`: pairs of face
    and student, whoever it was taken for. Who is marked present or late already stays so. The same
    nonce gets the first answer. Raises `Refused`: what `photos_require` says, no_review (404),
    no_such_face, student_twice (400), nothing_to_confirm.
    """
    answered = bulk_answered(nonce, session=session, actor=actor)
    if answered is not None:
        return answered
    photos_require(session)
    review = _held(session)
    faces = {face.pk: face for face in faces_of(review)}
    records = {
        row.student_id: row
        for row in AttendanceRecord.objects.filter(session=session).select_related("label")
    }
    pairs = _known(faces, records) if known else {}
    pairs |= _chosen(faces, chosen)
    by_student = {student_id: face_id for face_id, student_id in pairs.items()}
    if len(by_student) < len(pairs):
        raise Invalid("student_twice", _("One student was chosen for two faces."))
    if not pairs:
        raise Refused("nothing_to_confirm", _("There is nobody to confirm."))
    bulk = records_mark_bulk(
        session=session,
        marks=[_mark(student_id, records.get(student_id)) for student_id in by_student],
        nonce=nonce,
        now=now,
        actor=actor,
        role=role,
        reason=_("Seen in a photo of the class"),
        source=RecordSource.PHOTO,
    )
    saved = [row["student"] for row in bulk.results if row["result"] in (SAVED, UNCHANGED)]
    for student_id in saved:
        face = faces[by_student[student_id]]
        face.confirmed_id, face.bulk = student_id, bulk
    PhotoFace.objects.bulk_update(faces.values(), ["confirmed", "bulk"])
    data = {"session": session.pk, "bulk": bulk.pk, "students": sorted(saved)}
    log_event(actor=actor, action="class_photos.faces.confirmed", now=now, target=review, data=data)
    return bulk


def _held(session: ClassSession) -> PhotoReview:
    review = review_required(session)
    return PhotoReview.objects.select_for_update(no_key=True).get(pk=review.pk)


def _is_confirmed(face: PhotoFace) -> bool:
    return face.bulk is not None and face.bulk.undone_at is None


def _known(
    faces: Mapping[int, PhotoFace], records: Mapping[int, AttendanceRecord]
) -> dict[int, int]:
    return {
        pk: face.student_id
        for pk, face in faces.items()
        if face.student_id is not None
        and face.meaning == FaceMeaning.KNOWN
        and not _is_confirmed(face)
        and improves(records.get(face.student_id))
    }


def _chosen(faces: Mapping[int, PhotoFace], chosen: Iterable[tuple[int, int]]) -> dict[int, int]:
    pairs = dict(chosen)
    for face_id in pairs:
        if face_id not in faces:
            raise Invalid("no_such_face", _("There is no such face in these photos."))
    return pairs


def _mark(student_id: int, row: AttendanceRecord | None) -> MarkInput:
    """Present; who is present or late already, by whatever word of the campus's, stays so."""
    was = row.shown_code if row else ""
    if row is not None and attended(row):
        label = row.label.code if row.label else ""
        return MarkInput(student_id=student_id, status=row.status, label=label, was=was)
    return MarkInput(student_id=student_id, status=Status.PRESENT, was=was)


@transaction.atomic
def review_undo(
    *, session: ClassSession, now: datetime, actor: Actor, role: Editor = Editor.LECTURER
) -> tuple[BulkChange, list[MarkResult]]:
    """Take back the last confirmation of the open review that stands; see `bulk_undo`."""
    review = _held(session)
    standing = faces_of(review).filter(bulk__undone_at=None, bulk__isnull=False)
    face = standing.order_by("-bulk_id").first()
    if face is None or face.bulk is None:
        raise NotFound("nothing_to_undo", _("There is nothing to undo."))
    results = bulk_undo(bulk=face.bulk, now=now, actor=actor, role=role)
    PhotoFace.objects.filter(bulk=face.bulk).update(confirmed=None, bulk=None)
    return face.bulk, results
