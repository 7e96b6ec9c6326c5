"""Subjects and courses.

A course is a subject taught by a faculty member to a group in a term; it holds the shapes of
"class", "faculty assignment" and "subject of a teacher" of the systems that came before.
"""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Faculty, code_validator
from apps.classrooms.models import Classroom
from apps.common.constraints import Between, Named
from apps.common.model_fields import NumberTextField
from apps.enrollments.models.sections import Section
from apps.enrollments.models.terms import Term
from apps.tenants.fields import CampusForeignKey
from apps.tenants.models import TimestampedModel


class Subject(TimestampedModel):
    class Kind(models.TextChoices):
        THEORY = "theory", _("theory")
        LAB = "lab", _("lab")

    code = NumberTextField(_("code"), max_length=20, validators=[code_validator])
    mnemonic = models.CharField(_("mnemonic"), max_length=100, blank=True)
    name = models.CharField(_("name"), max_length=200)
    kind = models.CharField(_("type"), max_length=10, choices=Kind.choices, default=Kind.THEORY)
    credits = models.PositiveSmallIntegerField(_("credits"), default=3)
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("subject")
        verbose_name_plural = _("subjects")
        ordering = ["code"]
        constraints = [
            models.UniqueConstraint("campus", Lower("code"), name="subject_code_unique"),
            models.CheckConstraint(condition=Q(kind__in=["theory", "lab"]), name="subject_kind"),
            Named(field="code", name="subject_code"),
            Named(field="name", name="subject_name"),
            Between(field="credits", name="subject_credits", high=100),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class Course(TimestampedModel):
    """A subject taught by a faculty member to a group in a term."""

    code = NumberTextField(_("code"), max_length=40, validators=[code_validator])
    term = CampusForeignKey(
        Term,
        db_index=False,
        on_delete=models.PROTECT,
        related_name="courses",
        verbose_name=_("term"),
    )
    subject = CampusForeignKey(
        Subject, on_delete=models.PROTECT, related_name="courses", verbose_name=_("subject")
    )
    faculty = CampusForeignKey(
        Faculty,
        db_index=False,
        on_delete=models.PROTECT,
        related_name="courses",
        verbose_name=_("taught by"),
    )
    section = CampusForeignKey(
        Section,
        db_index=False,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="courses",
        verbose_name=_("section"),
    )
    classroom = CampusForeignKey(
        Classroom,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="courses",
        verbose_name=_("usual classroom"),
        help_text=_("Empty for online courses."),
    )
    max_students = models.PositiveIntegerField(_("places"), default=60)
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("course")
        verbose_name_plural = _("courses")
        ordering = ["code"]
        constraints = [
            models.UniqueConstraint("campus", "term", Lower("code"), name="course_code_unique"),
            models.UniqueConstraint(
                fields=["campus", "term", "faculty", "subject", "section"],
                name="course_assignment_unique",
            ),
            Named(field="code", name="course_code"),
            Between(field="max_students", name="course_max_students", high=100_000),
        ]
        indexes = [
            models.Index(fields=["campus", "faculty", "is_active"], name="course_faculty"),
            models.Index(fields=["campus", "section"], name="course_section"),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.subject.name}"
