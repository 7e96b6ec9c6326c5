"""Whether photos of a class may be used, and what a review of them shows."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.models import Student
from apps.attendance.models import AttendanceRecord, Policy
from apps.attendance.selectors.policies import policy_for
from apps.attendance.selectors.register import ATTENDED, may_improve, register_of
from apps.class_photos.models import (
    ClassPhoto,
    FaceMeaning,
    PhotoFace,
    PhotoProblem,
    PhotoReview,
)
from apps.common.errors import NotFound, Refusal, Refused
from apps.privacy.selectors import search_problem
from apps.sessions.models import ClassSession
from apps.tenants.models import Campus
from apps.tenants.scope import current_campus_id

OVERDUE: Final = timedelta(minutes=10)
PRESENT: Final = "present"
_ORDER: Final = (FaceMeaning.DOUBTFUL, FaceMeaning.KNOWN, FaceMeaning.UNKNOWN, FaceMeaning.AGAIN)


class PhotosOff(Refusal):
    """Why no photo of a class may be taken, before it is asked whether faces may be searched."""

    POLICY = (
        "class_photos_off",
        403,
        gettext_lazy("The policy of this course does not allow marking by a photo of the class."),
    )
    FACES = "face_disabled", 403, gettext_lazy("Face verification is off on this campus.")


def photos_refusal(session: ClassSession, *, policy: Policy | None = None) -> Refused | None:
    """Why a photo may not be taken or confirmed for this session now; None where it may.

    `policy` is the one of its course, where the caller has it.
    """
    if not (policy or policy_for(course=session.course)).class_photos:
        return PhotosOff.POLICY.error()
    if not Campus.objects.filter(pk=current_campus_id(), face_enabled=True).exists():
        return PhotosOff.FACES.error()
    problem = search_problem()
    return None if problem is None else problem.error()


def photos_require(session: ClassSession) -> None:
    """Raises `Refused` (403: face_disabled, class_photos_off, or a code of
    `privacy.search_problems.SearchProblem`)."""
    refusal = photos_refusal(session)
    if refusal is not None:
        raise refusal


def open_review(session: ClassSession) -> PhotoReview | None:
    """The one that is not finished; finished ones keep no photo."""
    return PhotoReview.objects.filter(session=session, finished_at=None).first()


def review_required(session: ClassSession) -> PhotoReview:
    review = open_review(session)
    if review is None:
        raise NotFound("no_review", _("No photo of this class is being reviewed."))
    return review


def photo_of(*, review: PhotoReview, number: int) -> ClassPhoto:
    """A photo that can be looked at; raises `NotFound`."""
    photos = ClassPhoto.objects.filter(review=review, number=number, status=ClassPhoto.Status.DONE)
    photo = photos.select_related("image").first()
    if photo is None or photo.image is None:
        raise NotFound("no_image", _("There is no such photo, or it is no longer kept."))
    return photo


def showing(student_id: int) -> Q:
    """Faces that are, or may be, this student's."""
    maybe = Q(candidates__contains=[{"student": student_id}])
    return Q(student=student_id) | Q(confirmed=student_id) | maybe


def faces_of(review: PhotoReview) -> QuerySet[PhotoFace]:
    return (
        PhotoFace.objects.filter(photo__review=review)
        .select_related("student", "confirmed", "bulk", "photo")
        .order_by("photo__number", "number")
    )


# --- What people see ---------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class NamedStudent:
    """A student whom a face may show; `mark`: what the register says of them, "" for unmarked."""

    id: int
    code: str
    name: str
    mark: str
    confidence: float | None

    @property
    def percent(self) -> int | None:
        return None if self.confidence is None else round(100 * self.confidence)


@dataclass(frozen=True, kw_only=True)
class ShownFace:
    """`confirmed`: whom the lecturer has confirmed; `marks`: whether confirming it changes the
    register."""

    id: int
    label: str  # photo and number in it, as in "2.14"
    left: int
    top: int
    width: int
    height: int
    meaning: str
    meaning_text: str
    student: NamedStudent | None
    candidates: list[NamedStudent]
    confirmed: NamedStudent | None
    marks: bool

    @property
    def crop(self) -> str:
        """The face with something around it, as a `viewBox`."""
        side = round(1.5 * max(self.width, self.height))
        left = round(self.left + self.width / 2 - side / 2)
        top = round(self.top + self.height / 2 - side / 2)
        return f"{left} {top} {side} {side}"


@dataclass(frozen=True, kw_only=True)
class ShownPhoto:
    number: int
    status: str
    problem: str
    message: str
    width: int
    height: int
    faces: list[ShownFace]


@dataclass(frozen=True, kw_only=True)
class ShownReview:
    """`state`: "searching", "ready" (also when some photos could not be searched) or "finished".

    `proposed`: how many students "all known" would mark; `undoable`: whether a confirmation of
    this review stands.
    """

    review: PhotoReview
    state: str
    photos: list[ShownPhoto]
    counts: dict[str, int]
    proposed: int
    undoable: bool

    @property
    def faces(self) -> list[ShownFace]:
        """Those that need a decision first."""
        found = [face for photo in self.photos for face in photo.faces]
        order = [meaning.value for meaning in _ORDER]
        return sorted(
            found, key=lambda face: (face.confirmed is not None, order.index(face.meaning))
        )


def review_shown(*, review: PhotoReview, now: datetime) -> ShownReview:
    """Everything that its page and the API show. Four statements, whatever the number of faces."""
    rows = list(faces_of(review))
    records = {
        row.student_id: row
        for row in AttendanceRecord.objects.filter(session=review.session_id).select_related(
            "label"
        )
    }
    named = _Names(rows, records)
    photos = [
        _photo(photo, [named.face(face) for face in rows if face.photo_id == photo.pk], now)
        for photo in ClassPhoto.objects.filter(review=review).order_by("number")
    ]
    faces = [face for photo in photos for face in photo.faces]
    counts = {
        meaning.value: sum(face.meaning == meaning for face in faces) for meaning in FaceMeaning
    }
    counts["confirmed"] = sum(face.confirmed is not None for face in faces)
    searching = any(photo.status == ClassPhoto.Status.WAITING for photo in photos)
    state = "finished" if review.finished_at else "searching" if searching else "ready"
    return ShownReview(
        review=review,
        state=state,
        photos=photos,
        counts=counts,
        proposed=sum(face.meaning == FaceMeaning.KNOWN and face.marks for face in faces),
        undoable=any(face.bulk is not None and face.bulk.undone_at is None for face in rows),
    )


def _photo(photo: ClassPhoto, faces: list[ShownFace], now: datetime) -> ShownPhoto:
    """Nothing waits for ever on a page, even where nothing sweeps."""
    status, problem = photo.status, photo.problem
    if status == ClassPhoto.Status.WAITING and now > photo.added_at + OVERDUE:
        status, problem = ClassPhoto.Status.FAILED.value, PhotoProblem.TOO_LONG.value
    return ShownPhoto(
        number=photo.number,
        status=status,
        problem=problem,
        message=str(PhotoProblem(problem).label) if problem else "",
        width=photo.width,
        height=photo.height,
        faces=faces,
    )


class _Names:
    """The students behind faces, those of doubtful ones read at once."""

    def __init__(self, faces: list[PhotoFace], records: dict[int, AttendanceRecord]) -> None:
        self._records = records
        ids = {each["student"] for face in faces for each in face.candidates}
        self._students = Student.objects.in_bulk(ids)

    def face(self, face: PhotoFace) -> ShownFace:
        stands = face.bulk is not None and face.bulk.undone_at is None
        student = self._named(face.student, face.confidence)
        candidates = [
            self._named(self._students.get(each["student"]), each["confidence"])
            for each in face.candidates
        ]
        return ShownFace(
            id=face.pk,
            label=f"{face.photo.number}.{face.number}",
            left=face.left,
            top=face.top,
            width=face.width,
            height=face.height,
            meaning=face.meaning,
            meaning_text=str(FaceMeaning(face.meaning).label),
            student=student,
            candidates=[each for each in candidates if each is not None],
            confirmed=self._named(face.confirmed, None) if stands else None,
            marks=not stands and student is not None and self._improves(student.id),
        )

    def _named(self, student: Student | None, confidence: float | None) -> NamedStudent | None:
        if student is None:
            return None
        record = self._records.get(student.pk)
        return NamedStudent(
            id=student.pk,
            code=student.code,
            name=student.full_name,
            mark=record.shown_code if record else "",
            confidence=confidence,
        )

    def _improves(self, student_id: int) -> bool:
        return improves(self._records.get(student_id))


def improves(record: AttendanceRecord | None) -> bool:
    """Whether "all known" marks them: nobody who attended, and no mark that a person made."""
    if record is None:
        return True
    return may_improve(PRESENT, status=record.status, source=record.source)


def attended(record: AttendanceRecord | None) -> bool:
    return record is not None and record.status in ATTENDED


def roster(session: ClassSession) -> list[Student]:
    """Everybody who can be named by hand, by number."""
    return [row.student for row in register_of(session_id=session.pk)]


def student_ids_of(session: ClassSession) -> list[int]:
    return list(register_of(session_id=session.pk).values_list("student_id", flat=True))


def named_by_hand(*, text: str, session: ClassSession) -> int:
    """The id of a student of the register whose number a text begins with; raises `NotFound`."""
    code = text.split()[0] if text.split() else ""
    row = register_of(session_id=session.pk).filter(student__code__iexact=code).first()
    if row is None:
        message = _("“%(text)s” is nobody of this register. Choose a name from the list.")
        raise NotFound("student_not_found", message % {"text": text[:60]})
    return row.student_id
