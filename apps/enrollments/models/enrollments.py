"""Enrolments with their periods, and grades."""

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateRangeField, RangeOperators
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Func, Q
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Student
from apps.common.constraints import DayInBounds, Named
from apps.enrollments.models.courses import Course, Subject
from apps.tenants.fields import CampusForeignKey
from apps.tenants.models import CampusModel, TimestampedModel


class Enrollment(TimestampedModel):
    """A student's place in a course as it is now; `EnrollmentPeriod` keeps all its days.

    Triggers keep the periods and `by_hand`, and fill in the day where only the status was changed:
    today, on the campus's calendar.
    """

    class Status(models.TextChoices):
        ENROLLED = "enrolled", _("enrolled")
        DROPPED = "dropped", _("dropped")
        COMPLETED = "completed", _("completed")

    student = CampusForeignKey(
        Student,
        db_index=False,
        on_delete=models.PROTECT,
        related_name="enrollments",
        verbose_name=_("student"),
    )
    course = CampusForeignKey(
        Course,
        db_index=False,
        on_delete=models.PROTECT,
        related_name="enrollments",
        verbose_name=_("course"),
    )
    enrolled_on = models.DateField(
        _("enrolled on"), help_text=_("The first day on which the student belongs to the course.")
    )
    ended_on = models.DateField(
        _("left on"),
        null=True,
        blank=True,
        help_text=_("From this day on the student no longer belongs to the course."),
    )
    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.ENROLLED
    )
    final_grade = models.CharField(_("final grade"), max_length=5, blank=True)
    by_hand = models.BooleanField(
        _("kept by hand"),
        default=False,
        editable=False,
        help_text=_("Was decided otherwise than the student's section says; imports leave it."),
    )

    class Meta:
        verbose_name = _("enrolment")
        verbose_name_plural = _("enrolments")
        ordering = ["course_id", "student_id"]
        constraints = [
            models.UniqueConstraint(
                fields=["campus", "student", "course"], name="enrollment_unique"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["enrolled", "dropped", "completed"]),
                name="enrollment_status",
            ),
            DayInBounds(field="enrolled_on", name="enrollment_enrolled_on"),
            DayInBounds(field="ended_on", name="enrollment_ended_on"),
            models.CheckConstraint(
                condition=Q(ended_on__isnull=True) | Q(ended_on__gte=F("enrolled_on")),
                name="enrollment_days",
                violation_error_message=_("The student leaves before having come."),
            ),
            models.CheckConstraint(
                condition=Q(status="enrolled", ended_on__isnull=True)
                | (~Q(status="enrolled") & Q(ended_on__isnull=False)),
                name="enrollment_ended",
                violation_error_message=_(
                    "Who is enrolled has not left; who has left, left on a day."
                ),
            ),
        ]
        indexes = [
            # With the student, so that rosters and reports read the index alone.
            models.Index(
                fields=["campus", "course", "status", "student"], name="enrollment_course"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.student_id} – {self.course_id}"


class DateRange(Func):
    """`enrolled_on` ≤ day < `ended_on`; without an end where there is none."""

    function = "DATERANGE"
    output_field = DateRangeField()


class EnrollmentPeriod(CampusModel):
    """Days on which a student belonged to a course, the current ones included: who comes back has
    several. Written by triggers only; see migration 0002."""

    enrollment = CampusForeignKey(
        Enrollment,
        db_index=False,
        on_delete=models.CASCADE,
        related_name="periods",
        verbose_name=_("enrolment"),
    )
    enrolled_on = models.DateField(_("enrolled on"))
    ended_on = models.DateField(_("left on"), null=True, blank=True)

    class Meta:
        verbose_name = _("period of an enrolment")
        verbose_name_plural = _("periods of enrolments")
        ordering = ["enrollment_id", "enrolled_on", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ended_on__isnull=True) | Q(ended_on__gte=F("enrolled_on")),
                name="enrollment_period_days",
            ),
            ExclusionConstraint(
                name="enrollment_period_once",
                expressions=[
                    ("campus", RangeOperators.EQUAL),
                    ("enrollment", RangeOperators.EQUAL),
                    (DateRange("enrolled_on", "ended_on"), RangeOperators.OVERLAPS),
                ],
            ),
        ]
        indexes = [
            models.Index(
                fields=["campus", "enrollment", "enrolled_on", "ended_on"],
                name="enrollment_period_of",
            )
        ]

    def __str__(self) -> str:
        return f"{self.enrolled_on} – {self.ended_on or ''}"


class Grade(TimestampedModel):
    """A grade that a student got in a subject, with its points."""

    student = CampusForeignKey(
        Student,
        db_index=False,
        on_delete=models.PROTECT,
        related_name="grades",
        verbose_name=_("student"),
    )
    subject = CampusForeignKey(
        Subject, on_delete=models.PROTECT, related_name="grades", verbose_name=_("subject")
    )
    points = models.IntegerField(_("points"), validators=[MinValueValidator(0)])
    grade = models.CharField(_("grade"), max_length=2)
    given_on = models.DateField(_("given on"))

    class Meta:
        verbose_name = _("grade")
        verbose_name_plural = _("grades")
        ordering = ["-given_on", "student_id"]
        constraints = [
            models.CheckConstraint(condition=Q(points__gte=0), name="grade_not_negative"),
            Named(field="grade", name="grade_name"),
            DayInBounds(field="given_on", name="grade_given_on"),
        ]
        indexes = [models.Index(fields=["campus", "student", "subject"], name="grade_student")]

    def __str__(self) -> str:
        return f"{self.student_id} {self.subject_id}: {self.grade}"
