"""Reading what is studied, for lists and for the search."""

from collections.abc import Collection
from typing import Any, Final

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from apps.accounts.models import Faculty, Student
from apps.accounts.viewers import FACULTY_WAYS, STUDENT_WAYS, Viewer
from apps.common.errors import NotFound
from apps.enrollments.models import Course, Department, Enrollment, Section, Subject, Term
from apps.tenants.search import found_by, matching

SEARCH_KINDS: Final = ("student", "faculty", "course", "subject")
# From a row to its lecturer and to its student.
COURSE_WAYS: Final = {"taught": "faculty", "attended": "enrollments__student"}
ENROLLMENT_WAYS: Final = {"taught": "course__faculty", "attended": "student"}


def _narrowed(rows: QuerySet[Any], text: str, filters: dict[str, Any]) -> QuerySet[Any]:
    rows = rows.filter(**filters)
    return matching(rows, text) if text else rows


def terms_listed(**filters: Any) -> QuerySet[Term]:
    if "on" in filters:
        day = filters.pop("on")
        filters |= {"starts_on__lte": day, "ends_on__gte": day}
    return Term.objects.filter(**filters)


def departments_listed() -> QuerySet[Department]:
    return Department.objects.all()


def sections_listed(**filters: Any) -> QuerySet[Section]:
    """Sections with the number of students who are in them now."""
    now_in = Count("placements", filter=Q(placements__is_current=True))
    return Section.objects.filter(**filters).select_related("department").annotate(students=now_in)


def subjects_listed(*, search: str = "", **filters: Any) -> QuerySet[Subject]:
    return _narrowed(Subject.objects.all(), search, filters)


def subject_by_id(*, subject_id: int) -> Subject:
    """Raises `NotFound` (no_such_subject), also for another campus's."""
    subject = Subject.objects.filter(pk=subject_id).first()
    if subject is None:
        raise NotFound("no_such_subject", "No such subject.")
    return subject


def course_found_by(text: str) -> Q:
    """Courses by their own code, or by their subject or lecturer."""
    return (
        Q(found_by(Course, text))
        | Q(found_by(Subject, text, column="subject_id"))
        | Q(found_by(Faculty, text, column="faculty_id"))
    )


def courses_listed(*, viewer: Viewer, search: str = "", **filters: Any) -> QuerySet[Course]:
    """The courses that this person may see, with the number of enrolled students."""
    enrolled = (
        Enrollment.objects.filter(course=OuterRef("pk"), status=Enrollment.Status.ENROLLED)
        .order_by()
        .values("course")
        .annotate(number=Count("pk"))
        .values("number")
    )
    if "department" in filters:
        filters["section__department"] = filters.pop("department")
    rows = (
        Course.objects.filter(**filters)
        .select_related("term", "subject", "faculty", "section__department", "classroom__building")
        .annotate(enrolled=Coalesce(Subquery(enrolled), 0))
    )
    if search:
        rows = rows.filter(course_found_by(search))
    return viewer.limit(rows, **COURSE_WAYS)


def course_seen(*, viewer: Viewer, course_id: int) -> Course:
    """Raises `NotFound` (no_such_course), also for courses that this person may not see."""
    course = courses_listed(viewer=viewer, pk=course_id).first()
    if course is None:
        raise NotFound("no_such_course", "No such course.")
    return course


def enrollments_listed(*, viewer: Viewer, **filters: Any) -> QuerySet[Enrollment]:
    rows = Enrollment.objects.filter(**filters).select_related("student", "course__subject")
    return viewer.limit(rows, **ENROLLMENT_WAYS)


def found(
    *, viewer: Viewer, text: str, kinds: Collection[str] = SEARCH_KINDS, limit: int = 10
) -> list[dict[str, Any]]:
    """Active people and courses that this person may see, `limit` of each kind, by name.

    One query per kind. Subjects are for those who teach and for the office.
    """
    searches = {
        "student": _students_found,
        "faculty": _faculty_found,
        "course": _courses_found,
        "subject": _subjects_found,
    }
    return [
        {"kind": kind, **hit}
        for kind in SEARCH_KINDS
        if kind in kinds
        for hit in searches[kind](viewer, text)[:limit]
    ]


def _students_found(viewer: Viewer, text: str) -> QuerySet[Student, Any]:
    rows = matching(Student.objects.filter(is_active=True), text)
    rows = viewer.limit(rows, **STUDENT_WAYS).order_by("full_name", "id")
    return rows.values("id", "code", name=F("full_name"), detail=F("program"))


def _faculty_found(viewer: Viewer, text: str) -> QuerySet[Faculty, Any]:
    rows = matching(Faculty.objects.filter(is_active=True), text)
    rows = viewer.limit(rows, **FACULTY_WAYS).order_by("full_name", "id")
    return rows.values("id", "code", name=F("full_name"), detail=F("department"))


def _courses_found(viewer: Viewer, text: str) -> QuerySet[Course, Any]:
    rows = Course.objects.filter(course_found_by(text), is_active=True)
    rows = viewer.limit(rows, **COURSE_WAYS).order_by("code", "id")
    return rows.values("id", "code", name=F("subject__name"), detail=F("faculty__full_name"))


def _subjects_found(viewer: Viewer, text: str) -> QuerySet[Subject, Any]:
    rows = Subject.objects.filter(is_active=True) if viewer.teaches else Subject.objects.none()
    rows = matching(rows, text).order_by("code", "id")
    return rows.values("id", "code", "name", detail=F("mnemonic"))
