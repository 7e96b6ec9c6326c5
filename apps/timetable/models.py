"""The weekly plan, the days without classes, and what the generator made of them."""

from datetime import date, timedelta
from typing import Final

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.lookups import GreaterThanOrEqual
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Faculty
from apps.classrooms.models import Classroom
from apps.common.constraints import DayInBounds, Named
from apps.enrollments.models import Course, Department
from apps.sessions.models import ClassSession
from apps.tenants.fields import CampusForeignKey
from apps.tenants.models import CampusModel, TimestampedModel


class Weekday(models.IntegerChoices):
    """As in ISO 8601: Monday is 1."""

    MONDAY = 1, _("Monday")
    TUESDAY = 2, _("Tuesday")
    WEDNESDAY = 3, _("Wednesday")
    THURSDAY = 4, _("Thursday")
    FRIDAY = 5, _("Friday")
    SATURDAY = 6, _("Saturday")
    SUNDAY = 7, _("Sunday")


# A slot over midnight ends at least so long before the hour at which it starts: anything else is a
# start and an end that changed places.
LONGEST_NIGHT: Final = timedelta(hours=12)


class WeeklySlot(TimestampedModel):
    """A time of the week at which a course meets, on the campus's clock; one that ends no later
    than it starts ends the next day.

    Further courses of the same lecturer may meet with it as one class (`SlotCourse`).
    The lecturer and the section are the course's, the room too unless another is named here. It
    holds from the first to the last day of the course's term, or of its own narrower validity.
    """

    # The further courses that are to be saved with it; None: those that it has.
    also_courses: list[Course] | None = None

    class Parity(models.TextChoices):
        """Weeks alternate from the term's `odd_week` on, also over New Year."""

        EVERY = "every", _("every week")
        ODD = "odd", _("odd weeks")
        EVEN = "even", _("even weeks")

    course = CampusForeignKey(
        Course,
        db_index=False,
        on_delete=models.CASCADE,
        related_name="slots",
        verbose_name=_("course"),
    )
    weekday = models.PositiveSmallIntegerField(
        _("day"),
        choices=Weekday.choices,
        validators=[MinValueValidator(1), MaxValueValidator(7)],
    )
    starts_at = models.TimeField(_("from"))
    ends_at = models.TimeField(_("until"))
    parity = models.CharField(
        _("weeks"), max_length=5, choices=Parity.choices, default=Parity.EVERY
    )
    classroom = CampusForeignKey(
        Classroom,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="slots",
        verbose_name=_("other classroom"),
        help_text=_("Empty: the course's usual classroom."),
    )
    valid_from = models.DateField(_("from day"), null=True, blank=True)
    valid_until = models.DateField(_("until day"), null=True, blank=True)
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("weekly slot")
        verbose_name_plural = _("weekly slots")
        ordering = ["weekday", "starts_at", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(weekday__range=(1, 7)), name="slot_weekday"),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at"))
                | Q(GreaterThanOrEqual(F("starts_at") - F("ends_at"), LONGEST_NIGHT)),
                name="slot_ends_in_time",
                violation_error_message=_("A slot over midnight lasts at most 12 hours."),
            ),
            models.CheckConstraint(
                condition=Q(parity__in=["every", "odd", "even"]), name="slot_parity"
            ),
            models.CheckConstraint(
                condition=Q(valid_until__gte=F("valid_from")),
                name="slot_validity",
                violation_error_message=_("The last day lies before the first."),
            ),
            DayInBounds(field="valid_from", name="slot_valid_from"),
            DayInBounds(field="valid_until", name="slot_valid_until"),
        ]
        indexes = [
            models.Index(fields=["campus", "course", "is_active"], name="slot_course"),
            models.Index(fields=["campus", "weekday", "starts_at"], name="slot_day"),
        ]

    def __str__(self) -> str:
        day = self.get_weekday_display()
        return f"{self.title} {day} {self.starts_at:%H:%M}–{self.ends_at:%H:%M}"

    @property
    def joined(self) -> list[Course]:
        """The further courses that meet in it: as they are to be saved, else as they are."""
        if self.also_courses is not None:
            return self.also_courses
        return [row.course for row in self.also.all()] if self.pk else []

    @property
    def title(self) -> str:
        """ "CS201-A + CS201-B"."""
        return " + ".join([self.course.code, *(course.code for course in self.joined)])

    @property
    def is_overnight(self) -> bool:
        """Whether it ends on the next day, such as 23:00–01:00."""
        return self.ends_at <= self.starts_at

    @property
    def room(self) -> Classroom | None:
        return self.classroom or self.course.classroom

    @property
    def first_day(self) -> date:
        return max(self.course.term.starts_on, self.valid_from or date.min)

    @property
    def last_day(self) -> date:
        return min(self.course.term.ends_on, self.valid_until or date.max)


class SlotCourse(CampusModel):
    """A further course that meets with a slot's own as one class."""

    slot = CampusForeignKey(
        WeeklySlot,
        db_index=False,
        on_delete=models.CASCADE,
        related_name="also",
        verbose_name=_("slot"),
    )
    course = CampusForeignKey(
        Course,
        on_delete=models.CASCADE,
        related_name="joint_slots",
        verbose_name=_("course"),
    )

    class Meta:
        verbose_name = _("further course of a slot")
        verbose_name_plural = _("further courses of slots")
        ordering = ["slot_id", "course__code", "id"]
        constraints = [
            models.UniqueConstraint(fields=["campus", "slot", "course"], name="slot_course_unique")
        ]

    def __str__(self) -> str:
        return f"{self.slot_id}: {self.course_id}"


class Holiday(TimestampedModel):
    """Days without classes: for the campus, for one department's sections, or for one course."""

    name = models.CharField(_("name"), max_length=100)
    first_day = models.DateField(_("first day"))
    last_day = models.DateField(_("last day"))
    department = CampusForeignKey(
        Department,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="holidays",
        verbose_name=_("department"),
        help_text=_("Only the courses of its sections. Empty: everybody."),
    )
    course = CampusForeignKey(
        Course,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="holidays",
        verbose_name=_("course"),
        help_text=_("Only this course."),
    )

    class Meta:
        verbose_name = _("holiday")
        verbose_name_plural = _("holidays")
        ordering = ["first_day", "name", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(last_day__gte=F("first_day")),
                name="holiday_days",
                violation_error_message=_("The last day lies before the first."),
            ),
            models.CheckConstraint(
                condition=Q(department__isnull=True) | Q(course__isnull=True),
                name="holiday_one_scope",
                violation_error_message=_("A department or a course, not both."),
            ),
            Named(field="name", name="holiday_name"),
            DayInBounds(field="first_day", name="holiday_first_day"),
            DayInBounds(field="last_day", name="holiday_last_day"),
        ]
        indexes = [models.Index(fields=["campus", "last_day", "first_day"], name="holiday_days")]

    def __str__(self) -> str:
        return f"{self.name} ({self.first_day} – {self.last_day})"

    def covers(self, course: Course) -> bool:
        """Whether it is a holiday for this course (its section is read)."""
        if self.course_id:
            return self.course_id == course.pk
        if self.department_id:
            section = course.section
            return section is not None and section.department_id == self.department_id
        return True


class GeneratedSession(CampusModel):
    """The session that a slot got in one week: the reason why a second run makes no second one.

    It outlives the session's deletion, so that a deleted session stays deleted. Time, room and
    lecturer are kept as they were generated: a session that differs was changed by hand.
    """

    slot = CampusForeignKey(
        WeeklySlot,
        db_index=False,
        on_delete=models.CASCADE,
        related_name="generated",
        verbose_name=_("slot"),
    )
    week = models.DateField(_("week"), help_text=_("Its Monday."))
    session = CampusForeignKey(
        ClassSession,
        db_index=False,
        on_delete=models.SET_NULL,
        null=True,
        related_name="generated",
        verbose_name=_("session"),
    )
    starts_at = models.DateTimeField(_("starts"))
    ends_at = models.DateTimeField(_("ends"))
    classroom = CampusForeignKey(
        Classroom,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("classroom"),
    )
    faculty = CampusForeignKey(
        Faculty, on_delete=models.PROTECT, related_name="+", verbose_name=_("lecturer")
    )
    is_withdrawn = models.BooleanField(
        _("withdrawn"),
        default=False,
        help_text=_("Cancelled by a holiday or with its slot, not by hand."),
    )
    created_at = models.DateTimeField(_("created"))

    class Meta:
        verbose_name = _("generated session")
        verbose_name_plural = _("generated sessions")
        ordering = ["-week", "-starts_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["campus", "slot", "week"], name="generated_once"),
            models.UniqueConstraint(fields=["campus", "session"], name="generated_session"),
            models.CheckConstraint(
                condition=Q(week__iso_week_day=1), name="generated_week_is_a_monday"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.slot_id} {self.week}"

    @property
    def is_changed_by_hand(self) -> bool:
        """Whether its session no longer has the time, room or lecturer that it was generated with.

        A topic is no change: it belongs to the meeting, wherever that takes place.
        """
        session = self.session
        return session is not None and (
            session.starts_at,
            session.ends_at,
            session.classroom_id,
            session.faculty_id,
        ) != (self.starts_at, self.ends_at, self.classroom_id, self.faculty_id)


class CalendarLink(CampusModel):
    """The secret address of a person's calendar feed. Only its keyed hash is kept."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="calendar_links",
        verbose_name=_("user"),
    )
    token_hash = models.BinaryField(_("hash of the secret"), max_length=32, editable=False)
    created_at = models.DateTimeField(_("created"))

    class Meta:
        verbose_name = _("calendar link")
        verbose_name_plural = _("calendar links")
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["campus", "user"], name="calendar_link_one"),
            models.UniqueConstraint(fields=["campus", "token_hash"], name="calendar_link_hash"),
        ]

    def __str__(self) -> str:
        return str(self.user_id)
