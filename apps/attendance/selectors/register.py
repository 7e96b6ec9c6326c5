"""Who belongs in a register, and the version of what is shown of it."""

from collections.abc import Collection
from typing import Final

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from apps.attendance.models import AttendanceRecord, RecordSource, Status
from apps.common.cache import version
from apps.enrollments.models import Enrollment, EnrollmentPeriod
from apps.sessions.models import ClassSession
from apps.tenants.scope import current_campus_id

ATTENDED: Final = (Status.PRESENT, Status.LATE)
# Marks that no check-in changes. Leave is none: who comes all the same is present.
BY_PERSON: Final = (RecordSource.MANUAL, RecordSource.CORRECTED, RecordSource.PHOTO)


def may_improve(earned: str, *, status: str, source: str) -> bool:
    """Whether a check-in that earns `earned` changes a mark with this status and source.

    Both are "" where there is none. A mark by a person always stands, and the first accepted
    check-in against later ones; what is invalid or was absent at the closing is improved.
    """
    return (
        source not in BY_PERSON
        and status not in ATTENDED
        and (earned in ATTENDED or source in ("", RecordSource.CLOSING))
    )


def enrolled_students(*, course_id: int) -> QuerySet[Enrollment]:
    """Who is enrolled in this course now, by student number. For a register: `register_of`."""
    return (
        Enrollment.objects.filter(course_id=course_id, status=Enrollment.Status.ENROLLED)
        .select_related("student")
        .order_by("student__code")
    )


def register_of(*, session_id: int) -> QuerySet[Enrollment]:
    """Who belongs in the register of this session, by student number.

    Who was enrolled in its course, or one of its courses, on its day, whatever they are now, and
    who is marked in it. Each once: who belongs to several courses counts in the leading one.
    """
    day = Subquery(ClassSession.objects.filter(pk=session_id).values("held_on"))
    that_day = EnrollmentPeriod.objects.filter(
        Q(ended_on__isnull=True) | Q(ended_on__gt=day),
        enrollment=OuterRef("pk"),
        enrolled_on__lte=day,
        # Said again: PostgreSQL reads this once for all rows, which would be every period there is.
        enrollment__course__meetings__session=session_id,
    )
    marked = AttendanceRecord.objects.filter(
        session=session_id, student=OuterRef("student"), course=OuterRef("course")
    )
    return (
        Enrollment.objects.filter(
            Exists(that_day) | Exists(marked), course__meetings__session=session_id
        )
        .select_related("student")
        .order_by("student__code", "student_id", "course__meetings__id")
        .distinct("student__code", "student_id")
    )


def register_courses(*, session_id: int, students: Collection[int] | None = None) -> dict[int, int]:
    """Who belongs in the register (of `students`, if given) → the course that a mark counts for."""
    register = register_of(session_id=session_id)
    if students is not None:
        register = register.filter(student_id__in=students)
    return dict(register.values_list("student_id", "course_id"))


def board_key(session_id: int) -> str:
    return f"board:{current_campus_id()}:{session_id}"


def board_version(session_id: int) -> str:
    """Changes whenever something on the session's board did."""
    return version(board_key(session_id))
