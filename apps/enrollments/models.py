"""Study: terms, departments, sections, subjects, courses, enrolments and marks.

A course is a subject taught by a faculty member to a group in a term; it holds the shapes of
"class", "faculty assignment" and "subject of a teacher" of the systems that came before.
"""

from datetime import date

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateRangeField, RangeOperators
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Cast, Concat, Lower, Substr
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Faculty, Student, code_validator
from apps.classrooms.models import Classroom
from apps.common.constraints import Between, DayInBounds, Named
from apps.common.model_fields import NumberTextField
from apps.tenants.fields import CampusForeignKey
from apps.tenants.models import CampusModel, TimestampedModel


def validate_academic_year(value: str) -> None:
    first, _dash, second = value.partition("-")
    if not (first.isdecimal() and second.isdecimal() and int(second) == int(first) + 1):
        raise ValidationError(_("Two years that follow each other, like 2026-2027."))


class Term(TimestampedModel):
    """A semester of an academic year."""

    name = models.CharField(_("semester"), max_length=20)
    academic_year = NumberTextField(
        _("academic year"),
        max_length=9,
        validators=[RegexValidator(r"^\d{4}-\d{4}$"), validate_academic_year],
    )
    starts_on = models.DateField(_("first day"))
    ends_on = models.DateField(_("last day"))
    odd_week_on = models.DateField(
        _("a day of an odd week"),
        null=True,
        blank=True,
        help_text=_(
            "From its week on, odd and even weeks take turns, also over New Year. "
            "Empty: the week of the first day is odd."
        ),
    )

    class Meta:
        verbose_name = _("term")
        verbose_name_plural = _("terms")
        ordering = ["-starts_on"]
        constraints = [
            models.UniqueConstraint(fields=["campus", "academic_year", "name"], name="term_unique"),
            models.CheckConstraint(condition=Q(ends_on__gt=F("starts_on")), name="term_dates"),
            models.CheckConstraint(
                condition=Q(
                    academic_year=Concat(
                        Substr("academic_year", 1, 4),
                        Value("-"),
                        Cast(
                            Cast(Substr("academic_year", 1, 4), models.IntegerField()) + 1,
                            models.CharField(),
                        ),
                    )
                ),
                name="term_academic_year",
            ),
            Named(field="name", name="term_name"),
            DayInBounds(field="starts_on", name="term_starts_on"),
            DayInBounds(field="ends_on", name="term_ends_on"),
            DayInBounds(field="odd_week_on", name="term_odd_week_on"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.academic_year}"

    @property
    def odd_week(self) -> date:
        """A day of a week that counts as odd: all others are counted from it."""
        return self.odd_week_on or self.starts_on


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


class Mark(TimestampedModel):
    """A grade that a student got in a subject."""

    student = CampusForeignKey(
        Student,
        db_index=False,
        on_delete=models.PROTECT,
        related_name="marks",
        verbose_name=_("student"),
    )
    subject = CampusForeignKey(
        Subject, on_delete=models.PROTECT, related_name="marks", verbose_name=_("subject")
    )
    marks = models.IntegerField(_("marks"), validators=[MinValueValidator(0)])
    grade = models.CharField(_("grade"), max_length=2)
    given_on = models.DateField(_("given on"))

    class Meta:
        verbose_name = _("mark")
        verbose_name_plural = _("marks")
        ordering = ["-given_on", "student_id"]
        constraints = [
            models.CheckConstraint(condition=Q(marks__gte=0), name="mark_not_negative"),
            Named(field="grade", name="mark_grade"),
            DayInBounds(field="given_on", name="mark_given_on"),
        ]
        indexes = [models.Index(fields=["campus", "student", "subject"], name="mark_student")]

    def __str__(self) -> str:
        return f"{self.student_id} {self.subject_id}: {self.grade}"
