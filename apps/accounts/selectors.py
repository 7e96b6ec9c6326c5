"""Finding people of the entered campus."""

from collections.abc import Collection
from typing import Any, Final, TypeVar

from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _

from apps.accounts.models import (
    AllowedAddress,
    Contact,
    Device,
    Faculty,
    Member,
    Person,
    Role,
    Student,
)
from apps.common.errors import NotFound
from apps.common.rows import FixedQuery
from apps.notifications import addresses
from apps.tenants.models import Campus
from apps.tenants.scope import current_campus_id
from apps.tenants.search import matching

P = TypeVar("P", bound=Person)
_IN_ROLE: Final = """
    campus_id = %s AND user_id = %s AND is_active AND EXISTS (
        SELECT 1 FROM accounts_membership membership
        WHERE membership.campus_id = %s AND membership.user_id = %s AND membership.role = %s
            AND membership.is_active
    )
"""
_STUDENT: Final = FixedQuery(Student, _IN_ROLE)
_FACULTY: Final = FixedQuery(Faculty, _IN_ROLE)


def student_of(*, user: Any) -> Student | None:
    """The active student behind this account, with the student role; one query."""
    campus_id = current_campus_id()
    found = _STUDENT.first(campus_id, user.pk, campus_id, user.pk, Role.STUDENT)
    return _shown(user, found)


def faculty_of(*, user: Any) -> Faculty | None:
    """The active faculty member behind this account, with the faculty role; one query."""
    campus_id = current_campus_id()
    found = _FACULTY.first(campus_id, user.pk, campus_id, user.pk, Role.FACULTY)
    return _shown(user, found)


def _shown(user: Any, person: P | None) -> P | None:
    """A user with an entry as a person is shown by its name: it need not be read again."""
    if person is not None:
        user.shown_as(person.full_name)
    return person


def device_of(*, student: Student) -> Device | None:
    """The student's active device; the database allows one."""
    return Device.objects.filter(student=student, is_active=True).first()


def student_by_id(*, student_id: int) -> Student:
    """Raises `NotFound` (no_such_student), also for another campus's student."""
    student = Student.objects.filter(pk=student_id).first()
    if student is None:
        raise NotFound("no_such_student", "No such student.")
    return student


def faculty_by_id(*, faculty_id: int) -> Faculty:
    """Raises `NotFound` (no_such_faculty_member), also for another campus's."""
    faculty = Faculty.objects.filter(pk=faculty_id).first()
    if faculty is None:
        raise NotFound("no_such_faculty_member", "No such faculty member.")
    return faculty


def phone_numbers(user_ids: Collection[int]) -> dict[int, str]:
    """Numbers of the active students and faculty behind these accounts; two queries."""
    found: dict[int, str] = {}
    for people in (Student, Faculty):
        known = people.objects.filter(user_id__in=user_ids, is_active=True).exclude(phone="")
        found.update(known.order_by().values_list("user_id", "phone"))
    return found


def contact_book(user_ids: Collection[int]) -> list[addresses.Contact]:
    """The active contacts of the active students behind these accounts; one query."""
    rows = (
        Contact.objects.filter(
            student__user_id__in=user_ids,
            student__is_active=True,
            student__user__is_active=True,
            is_active=True,
        )
        .select_related("student")
        .order_by("pk")
    )
    return [
        addresses.Contact(
            id=row.pk,
            user_id=row.student.user_id,
            student=row.student.full_name,
            email=row.email,
            phone=row.phone,
            language=row.language,
        )
        for row in rows
        if row.student.user_id is not None  # said by the filter already, but not to the types
    ]


def address_problem(*, email: str) -> str:
    """Why nobody may be entered with this address on this campus; "" where somebody may.

    The campus's e-mail domains bind every way in; `AllowedAddress` are the exceptions.
    """
    domains = Campus.objects.values_list("email_domains", flat=True).get(pk=current_campus_id())
    own = {domain.lower() for domain in domains}
    if not own or email.rpartition("@")[2].lower() in own:
        return ""
    if AllowedAddress.objects.filter(email=email.lower()).exists():
        return ""
    return outside_domains(domains)


def outside_domains(domains: Collection[str]) -> str:
    message = _("Addresses of this campus end in: %(domains)s.")
    return message % {"domains": ", ".join(f"@{domain}" for domain in domains)}


def languages(user_ids: Collection[int]) -> dict[int, str]:
    """Account → the language that this campus writes to it in, where one was chosen."""
    known = Member.objects.filter(user_id__in=user_ids).exclude(language="")
    return dict(known.order_by().values_list("user_id", "language"))


# The look-ups below go through relations of apps above this one: by name only.
STUDENT_FILTERS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "section": ("placements__section", {"placements__is_current": True}),
    "course": ("enrollments__course", {"enrollments__status": "enrolled"}),
}


def students_listed(*, search: str = "", **filters: Any) -> QuerySet[Student]:
    """Students with their section and whether a device is bound; see `StudentQuery`."""
    rows = Student.objects.annotate(
        has_device=Exists(Device.objects.filter(student=OuterRef("pk"), is_active=True))
    ).prefetch_related("placements__section__department")
    for name, (path, more) in STUDENT_FILTERS.items():
        if name in filters:
            rows = rows.filter(**{path: filters.pop(name)}, **more)
    rows = rows.filter(**filters)
    return matching(rows, search) if search else rows


def faculty_listed(*, search: str = "", department: str = "", **filters: Any) -> QuerySet[Faculty]:
    """Faculty, of a department (its name in any case) and found by their names."""
    rows = Faculty.objects.filter(**filters)
    if department:
        rows = rows.filter(department__iexact=department)
    return matching(rows, search) if search else rows
