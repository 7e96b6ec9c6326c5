"""A class session and its life: scheduled → open → completed, or cancelled."""

from collections.abc import Sequence
from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Faculty
from apps.classrooms.models import Classroom
from apps.common.constraints import MomentInBounds
from apps.common.moments import local
from apps.enrollments.models import Course, Section
from apps.sessions.constraints import one_at_a_time
from apps.tenants.fields import CampusForeignKey
from apps.tenants.models import CampusModel, TimestampedModel


class ClassSession(TimestampedModel):
    """One meeting of a course, or of several that meet as one class: `course` leads, and each has
    its `SessionCourse`. From its opening the session carries the policy that judges it.

    `section` is the course's when the session was planned, `revision` counts the changes that a
    calendar shows, and `held_on` is the day of its start on the campus's calendar, by which its
    register asks who was enrolled; triggers keep these and `also_codes`.
    """

    # The further courses of a session that is not saved yet; of a saved one: `courses`.
    also: Sequence[Course] = ()

    class Status(models.TextChoices):
        SCHEDULED = "scheduled", _("scheduled")
        OPEN = "open", _("open")
        COMPLETED = "completed", _("completed")
        CANCELLED = "cancelled", _("cancelled")

    course = CampusForeignKey(
        Course,
        db_index=False,
        on_delete=models.PROTECT,
        related_name="sessions",
        verbose_name=_("course"),
    )
    faculty = CampusForeignKey(
        Faculty,
        db_index=False,
        on_delete=models.PROTECT,
        related_name="sessions",
        verbose_name=_("lecturer"),
    )
    classroom = CampusForeignKey(
        Classroom,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="sessions",
        verbose_name=_("classroom"),
    )
    section = CampusForeignKey(
        Section,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="sessions",
        verbose_name=_("section"),
    )
    starts_at = models.DateTimeField(_("starts"))
    ends_at = models.DateTimeField(_("ends"))
    held_on = models.DateField(_("day"), editable=False)
    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.SCHEDULED
    )
    topic = models.CharField(_("topic"), max_length=200, blank=True)
    also_codes = models.TextField(
        _("together with"), blank=True, default="", editable=False, help_text=_("Course codes.")
    )
    is_planned = models.BooleanField(
        _("planned"),
        default=True,
        editable=False,
        help_text=_("A session that was started on the spot happens, whatever the plan says."),
    )
    revision = models.PositiveIntegerField(_("revision"), default=0, editable=False)
    policy = models.JSONField(
        _("policy snapshot"),
        default=dict,
        blank=True,
        editable=False,
        help_text=_("What check-ins are judged by, as it stood when the session was opened."),
    )
    opened_at = models.DateTimeField(_("opened"), null=True, blank=True)
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)
    closed_itself = models.BooleanField(
        _("closed by itself"),
        default=False,
        editable=False,
        help_text=_("Nobody completed it in time."),
    )
    total_enrolled = models.PositiveIntegerField(_("enrolled"), default=0)
    total_attended = models.PositiveIntegerField(_("attended"), default=0)
    attendance_percentage = models.DecimalField(
        _("attendance (%)"),
        max_digits=5,
        decimal_places=2,
        default=Decimal("0.00"),
        validators=[MinValueValidator(0), MaxValueValidator(100)],
    )

    class Meta:
        verbose_name = _("class session")
        verbose_name_plural = _("class sessions")
        ordering = ["-starts_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="session_ends_after_start"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["scheduled", "open", "completed", "cancelled"]),
                name="session_status",
            ),
            models.CheckConstraint(
                condition=Q(attendance_percentage__range=(0, 100)), name="session_percentage"
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["open", "completed"]) | Q(opened_at__isnull=False),
                name="session_opened_at",
            ),
            models.UniqueConstraint(
                fields=["campus", "course"], condition=Q(status="open"), name="session_one_open"
            ),
            models.UniqueConstraint(
                fields=["campus", "course", "starts_at"],
                condition=~Q(status="cancelled"),
                name="session_start_unique",
            ),
            one_at_a_time(field="classroom", name="session_room_free"),
            one_at_a_time(field="faculty", name="session_lecturer_free"),
            one_at_a_time(field="section", name="session_section_free"),
            MomentInBounds(field="starts_at", name="session_starts_at"),
            MomentInBounds(field="ends_at", name="session_ends_at"),
        ]
        indexes = [
            models.Index(fields=["campus", "faculty", "starts_at"], name="session_faculty"),
            models.Index(fields=["campus", "course", "starts_at"], name="session_course"),
            models.Index(fields=["campus", "status", "starts_at"], name="session_status_start"),
            models.Index(fields=["campus", "starts_at"], name="session_starts"),
        ]

    def __str__(self) -> str:
        here = local(self.starts_at, timezone.get_current_timezone())
        return f"{self.title} {here:%Y-%m-%d %H:%M}"

    @property
    def course_codes(self) -> list[str]:
        """Its own course's code, then those of the courses that meet with it."""
        return [self.course.code, *filter(None, self.also_codes.split(", "))]

    @property
    def codes(self) -> str:
        """ "CS201-A + CS201-B"."""
        return " + ".join(self.course_codes)

    @property
    def title(self) -> str:
        """ "CS201-A + CS201-B Algorithms"; of one course as the course is called."""
        return f"{self.codes} {self.course.subject.name}"


class SessionCourse(CampusModel):
    """A course that meets in a session; the session's own course is the one that leads.

    Triggers write the leading row and copy what the session says, so that constraints can look at
    all courses of all sessions. Section and totals are the course's own.
    """

    session = CampusForeignKey(
        ClassSession,
        db_index=False,
        on_delete=models.CASCADE,
        related_name="courses",
        verbose_name=_("session"),
    )
    course = CampusForeignKey(
        Course,
        db_index=False,
        on_delete=models.PROTECT,
        related_name="meetings",
        verbose_name=_("course"),
    )
    is_lead = models.BooleanField(_("leads"), default=False, editable=False)
    section = CampusForeignKey(
        Section,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        verbose_name=_("section"),
    )
    starts_at = models.DateTimeField(_("starts"), editable=False)
    ends_at = models.DateTimeField(_("ends"), editable=False)
    held_on = models.DateField(_("day"), editable=False)
    status = models.CharField(
        _("status"), max_length=10, choices=ClassSession.Status.choices, editable=False
    )
    is_planned = models.BooleanField(_("planned"), default=True, editable=False)
    total_enrolled = models.PositiveIntegerField(_("enrolled"), default=0, editable=False)
    total_attended = models.PositiveIntegerField(_("attended"), default=0, editable=False)

    class Meta:
        verbose_name = _("course of a session")
        verbose_name_plural = _("courses of sessions")
        ordering = ["session_id", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["campus", "session", "course"], name="session_course_unique"
            ),
            models.UniqueConstraint(
                fields=["campus", "session"],
                condition=Q(is_lead=True),
                name="session_course_one_leads",
            ),
            models.UniqueConstraint(
                fields=["campus", "course"],
                condition=Q(status="open"),
                name="session_course_one_open",
            ),
            models.UniqueConstraint(
                fields=["campus", "course", "starts_at"],
                condition=~Q(status="cancelled"),
                name="session_course_start",
            ),
            one_at_a_time(field="section", name="session_course_section_free"),
        ]
        indexes = [models.Index(fields=["campus", "course", "starts_at"], name="session_course_of")]

    def __str__(self) -> str:
        return f"{self.session_id}: {self.course_id}"
