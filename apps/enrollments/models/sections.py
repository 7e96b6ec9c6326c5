"""Departments, their sections, and which section a student is in."""

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Student, code_validator
from apps.common.constraints import Named
from apps.common.model_fields import NumberTextField
from apps.tenants.fields import CampusForeignKey
from apps.tenants.models import TimestampedModel


class Department(TimestampedModel):
    code = NumberTextField(_("code"), max_length=50, validators=[code_validator])
    name = models.CharField(_("name"), max_length=100)

    class Meta:
        verbose_name = _("department")
        verbose_name_plural = _("departments")
        ordering = ["code"]
        constraints = [
            models.UniqueConstraint("campus", Lower("code"), name="department_code_unique"),
            Named(field="code", name="department_code"),
            Named(field="name", name="department_name"),
        ]

    def __str__(self) -> str:
        return self.code


class Section(TimestampedModel):
    """A group of students of one department and year: "CSE, year 2, section A"."""

    department = CampusForeignKey(
        Department,
        on_delete=models.PROTECT,
        related_name="sections",
        verbose_name=_("department"),
    )
    year = models.PositiveSmallIntegerField(_("year"), validators=[MinValueValidator(1)])
    name = models.CharField(_("section"), max_length=10)

    class Meta:
        verbose_name = _("section")
        verbose_name_plural = _("sections")
        ordering = ["year", "department__code", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["campus", "year", "department", "name"], name="section_unique"
            ),
            models.CheckConstraint(condition=Q(year__gte=1), name="section_year"),
            Named(field="name", name="section_name"),
        ]

    def __str__(self) -> str:
        return f"{self.department.code}-{self.year}{self.name}"


class Placement(TimestampedModel):
    """Which section a student is in. One current section per student."""

    student = CampusForeignKey(
        Student,
        db_index=False,
        on_delete=models.CASCADE,
        related_name="placements",
        verbose_name=_("student"),
    )
    section = CampusForeignKey(
        Section,
        db_index=False,
        on_delete=models.PROTECT,
        related_name="placements",
        verbose_name=_("section"),
    )
    is_current = models.BooleanField(_("current"), default=True)

    class Meta:
        verbose_name = _("section placement")
        verbose_name_plural = _("section placements")
        ordering = ["section_id", "student_id"]
        constraints = [
            models.UniqueConstraint(
                fields=["campus", "student"],
                condition=Q(is_current=True),
                name="placement_one_current",
            ),
            models.UniqueConstraint(
                fields=["campus", "student", "section"], name="placement_unique"
            ),
        ]
        indexes = [
            models.Index(fields=["campus", "section", "is_current"], name="placement_section")
        ]

    def __str__(self) -> str:
        return f"{self.student_id} – {self.section_id}"
