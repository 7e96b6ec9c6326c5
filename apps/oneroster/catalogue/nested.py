"""Lists of one object: the students of a class, the classes of a teacher."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from django.db.models import Exists, OuterRef, Q

from apps.enrollments.models import Course, Enrollment
from apps.enrollments.roster_rows import RosterPart
from apps.oneroster.catalogue.collections import Collection

# For each table of the collection, which of its rows are the object's.
Narrowing = Callable[[int], tuple[Q, ...]]


def _places(**of: int) -> Exists:
    """Of students, by the row's own id."""
    places = Enrollment.objects.filter(**of).exclude(status=Enrollment.Status.DROPPED)
    return Exists(places.filter(student_id=OuterRef("pk")))


def _all(_pk: int) -> tuple[Q, ...]:
    return (Q(), Q())


def _students_of_class(pk: int) -> tuple[Q, ...]:
    return (Q(_places(course_id=pk), is_active=True),)


def _teachers_of_class(pk: int) -> tuple[Q, ...]:
    return (Q(Exists(Course.objects.filter(pk=pk, faculty_id=OuterRef("pk")))),)


def _enrolments_of_class(pk: int) -> tuple[Q, ...]:
    return Q(course_id=pk), Q(pk=pk)


def _classes_of_student(pk: int) -> tuple[Q, ...]:
    places = Enrollment.objects.filter(student_id=pk).exclude(status=Enrollment.Status.DROPPED)
    return (Q(Exists(places.filter(course_id=OuterRef("pk")))),)


def _by(column: str) -> Narrowing:
    return lambda pk: (Q(**{column: pk}),)


# By the list that the object is found in: name of the inner list → its rows.
LISTS_OF: Final[dict[str, dict[str, Narrowing]]] = {
    "schools": dict.fromkeys(
        ("classes", "courses", "enrollments", "students", "teachers", "terms"), _all
    ),
    "classes": {
        "students": _students_of_class,
        "teachers": _teachers_of_class,
        "enrollments": _enrolments_of_class,
        "categories": _all,
        "lineItems": _by("pk"),
        "results": _by("course_id"),
    },
    "courses": {"classes": _by("subject_id")},
    "terms": {"classes": _by("term_id"), "gradingPeriods": lambda _pk: ()},
    "students": {"classes": _classes_of_student, "results": _by("student_id")},
    "teachers": {"classes": _by("faculty_id")},
    "lineItems": {"results": _by("course_id")},
}


def narrowed(collection: Collection, *narrowings: tuple[Q, ...]) -> list[RosterPart]:
    """The tables of the collection, with the rows that all of these leave."""
    parts = list(collection.parts())
    for narrowing in narrowings:
        parts = [
            replace(part, rows=part.rows.filter(only))
            for part, only in zip(parts, narrowing, strict=False)
        ]
    return parts
