"""By which id another system knows a thing of ours."""

from typing import Final

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Faculty, Student
from apps.common.constraints import Named
from apps.enrollments.models.courses import Course, Subject
from apps.enrollments.models.terms import Term
from apps.tenants.fields import CampusForeignKey
from apps.tenants.models import CampusModel

PEOPLE: Final = ("student", "faculty")
THINGS: Final = ("subject", "course", "term")
OWNERS: Final = (*PEOPLE, *THINGS)


def _one_owner() -> Q:
    found = Q()
    for owner in OWNERS:
        others = {f"{name}__isnull": name != owner for name in OWNERS}
        found |= Q(**others)
    return found


class SourcedId(CampusModel):
    """The `sourcedId` under which a OneRoster service gave us one person or thing.

    Written once and never changed: whom we give our roster knows the thing by it from then on.
    People and things without one have an id of our own (`apps/enrollments/roster_rows.py`).
    """

    student = CampusForeignKey(
        Student,
        db_index=False,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("student"),
    )
    faculty = CampusForeignKey(
        Faculty,
        db_index=False,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("faculty member"),
    )
    subject = CampusForeignKey(
        Subject,
        db_index=False,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("subject"),
    )
    course = CampusForeignKey(
        Course,
        db_index=False,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("course"),
    )
    term = CampusForeignKey(
        Term,
        db_index=False,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("term"),
    )
    sourced_id = models.CharField("sourcedId", max_length=255)

    class Meta:
        verbose_name = _("id of a OneRoster service")
        verbose_name_plural = _("ids of OneRoster services")
        ordering = ["id"]
        constraints = [
            *(
                models.UniqueConstraint(fields=["campus", owner], name=f"sourced_id_{owner}")
                for owner in OWNERS
            ),
            # Within its collection: a user and a class may have the same.
            models.UniqueConstraint(
                fields=["campus", "sourced_id"],
                condition=Q(subject=None, course=None, term=None),
                name="sourced_id_of_user",
            ),
            *(
                models.UniqueConstraint(
                    fields=["campus", "sourced_id"],
                    condition=Q(**{f"{owner}__isnull": False}),
                    name=f"sourced_id_of_{owner}",
                )
                for owner in THINGS
            ),
            models.CheckConstraint(condition=_one_owner(), name="sourced_id_one_owner"),
            Named(field="sourced_id", name="sourced_id_named"),
        ]

    def __str__(self) -> str:
        return self.sourced_id
