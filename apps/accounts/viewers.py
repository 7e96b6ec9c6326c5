"""Who looks: what a person may see of others follows from it."""

from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Q, QuerySet

from apps.accounts.models import Faculty, Student
from apps.accounts.permissions import ADMIN_ROLES, roles_of
from apps.accounts.selectors import faculty_of, student_of

# From a person to the lecturer and the student who may see them. Courses and enrolments are of an
# app above this one: by name only.
STUDENT_WAYS: Final = {"taught": "enrollments__course__faculty", "attended": "pk"}
FACULTY_WAYS: Final = {"taught": "pk", "attended": "courses__enrollments__student"}


@dataclass(frozen=True, kw_only=True)
class Viewer:
    """The office (administrators, operators, principals, super_admins) sees everybody; lecturers
    and students see what their own courses bring with them."""

    office: bool = False
    faculty: Faculty | None = None
    student: Student | None = None

    @property
    def teaches(self) -> bool:
        return self.office or self.faculty is not None

    def limit(self, rows: QuerySet[Any], *, taught: str, attended: str) -> QuerySet[Any]:
        """The rows that this person may see.

        `taught` and `attended` are the look-ups that lead from a row to its lecturer and to its
        student.
        """
        if self.office:
            return rows
        own = Q(pk__in=[])
        for path, person in ((taught, self.faculty), (attended, self.student)):
            if person is not None:
                # A subquery: a join would repeat a row for each course that leads to it.
                found = rows.model._default_manager.filter(**{path: person.pk})
                own |= Q(pk__in=found.values("pk"))
        return rows.filter(own)


def viewer_of(*, user: Any) -> Viewer:
    """Three small queries at most; one for the office."""
    if user.is_superuser or ADMIN_ROLES & roles_of(user):
        return Viewer(office=True)
    return Viewer(faculty=faculty_of(user=user), student=student_of(user=user))
