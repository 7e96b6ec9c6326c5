"""Attendance as a gradebook: one line item for each course, the percentages as its results.

A student's percentage is what the register says (`AttendanceSummary`); where nothing counts yet,
the result has no score and is `exempt`.
"""

from typing import Final

from django.db.models import (
    Case,
    DateField,
    DecimalField,
    Exists,
    F,
    OuterRef,
    Q,
    Subquery,
    TextField,
    Value,
    When,
)
from django.db.models.functions import Cast, Coalesce, Greatest, TruncDate

from apps.attendance.models import AttendanceSummary
from apps.enrollments.models import Course, Enrollment
from apps.enrollments.roster_rows import (
    RosterPart,
    course_id,
    own_id,
    school_id,
    student_id,
    term_id,
    text,
)
from apps.sessions.selectors import campus_zone
from apps.tenants.models import Campus
from apps.tenants.scope import current_campus_id

CATEGORY: Final = "attendance"
TITLE: Final = "Attendance"
LINE_ITEM: Final = "attendance"  # with the number of its course: attendance-7
RESULT: Final = "result"
HIGHEST: Final = 100
_NUMBER: Final = DecimalField(max_digits=5, decimal_places=2)


def categories() -> RosterPart:
    """One, of the campus."""
    return RosterPart(
        rows=Campus.objects.filter(pk=current_campus_id()),
        fields={"sourcedId": text(CATEGORY), "title": text(TITLE)},
        changed=F("updated_at"),
    )


def line_items() -> RosterPart:
    return RosterPart(
        rows=Course.objects.all(),
        fields={
            "sourcedId": own_id(LINE_ITEM),
            "title": text(TITLE),
            "assignDate": F("term__starts_on"),
            "dueDate": F("term__ends_on"),
            "class": course_id(),
            "school": text(school_id()),
            "category": text(CATEGORY),
            "academicSession": term_id("term_id"),
            "resultValueMin": Cast(Value(0), _NUMBER),
            "resultValueMax": Cast(Value(HIGHEST), _NUMBER),
        },
        own=LINE_ITEM,
        gone=Q(is_active=False),
        changed=Greatest("updated_at", "term__updated_at"),
    )


def results() -> RosterPart:
    place = Enrollment.objects.filter(
        student_id=OuterRef("student_id"), course_id=OuterRef("course_id")
    ).order_by()
    counted = Q(total_sessions__gt=0)
    return RosterPart(
        rows=AttendanceSummary.objects.all(),
        fields={
            "sourcedId": own_id(RESULT),
            "lineItem": own_id(LINE_ITEM, "course_id"),
            "student": student_id("student_id", "student__uuid"),
            "class": course_id("course_id"),
            "scoreStatus": Case(
                When(~counted, then=text("exempt")),
                When(course__term__archived_at__isnull=False, then=text("fully graded")),
                default=text("partially graded"),
                output_field=TextField(),
            ),
            "score": Case(
                When(counted, then=F("attendance_percentage")),
                default=Cast(Value(None), _NUMBER),
                output_field=_NUMBER,
            ),
            "scoreDate": Cast(TruncDate("updated_at", tzinfo=campus_zone()), DateField()),
        },
        own=RESULT,
        gone=Q(student__is_active=False)
        | Q(course__is_active=False)
        | Exists(place.filter(status=Enrollment.Status.DROPPED)),
        changed=Greatest(
            "updated_at",
            "student__updated_at",
            "course__updated_at",
            "course__term__updated_at",
            Coalesce(Subquery(place.values("updated_at")[:1]), F("updated_at")),
        ),
    )
