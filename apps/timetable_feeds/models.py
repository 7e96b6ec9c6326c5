"""Feeds of timetables: where they come from, what they cover, what they said last, each reading."""

import uuid
from datetime import date
from typing import Final

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Faculty
from apps.classrooms.models import Classroom
from apps.common.constraints import DayInBounds, MomentInBounds, Named
from apps.enrollments.models import Course, Department, Term
from apps.jobs.models import Job
from apps.sessions.models import ClassSession
from apps.tenants.fields import CampusForeignKey
from apps.tenants.models import CampusModel, TimestampedModel
from apps.timetable.models import Weekday

READ: Final = "timetable_feeds.read"  # its job
ADDRESS_LENGTH: Final = 500


class TimetableFeed(TimestampedModel):
    """One source of a term's timetable, and the days and courses that it may decide about.

    `share`: percent of the meetings ahead that may be missing at once without a person.
    `accepted_at`: since when its readings are saved without a person's word.
    """

    class Format(models.TextChoices):
        ICAL = "ical", _("iCalendar")
        SPREADSHEET = "spreadsheet", _("spreadsheet (weekly schedule)")
        FET = "fet", _("FET (.fet or timetable CSV)")
        ASC = "asc", _("aSc Timetables (XML)")
        UNTIS = "untis", _("Untis (GPU001.TXT or XML)")
        UNITIME = "unitime", _("UniTime (course timetable XML)")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=100)
    format = models.CharField(_("format"), max_length=20, choices=Format.choices)
    url = models.CharField(
        _("address"),
        max_length=ADDRESS_LENGTH,
        blank=True,
        help_text=_("https://… Empty: its files are uploaded here."),
    )
    header = models.CharField(
        _("header"),
        max_length=60,
        blank=True,
        help_text=_("A header that the address asks for, such as Authorization."),
    )
    sealed_header = models.BinaryField(_("its value"), null=True, blank=True, editable=False)
    is_active = models.BooleanField(
        _("active"),
        default=True,
        help_text=_(
            "While it is, its courses get their sessions from it, and none from weekly slots."
        ),
    )
    is_nightly = models.BooleanField(
        _("every night"), default=False, help_text=_("Read, and save what is right, every night.")
    )
    term = CampusForeignKey(
        Term, on_delete=models.PROTECT, related_name="timetable_feeds", verbose_name=_("term")
    )
    covers_from = models.DateField(
        _("from day"), null=True, blank=True, help_text=_("Empty: the term's first day.")
    )
    covers_until = models.DateField(
        _("until day"), null=True, blank=True, help_text=_("Empty: the term's last day.")
    )
    is_window = models.BooleanField(
        _("only a window"),
        default=False,
        help_text=_(
            "It says nothing of days before its first and after its last meeting, as feeds of "
            "the next weeks do."
        ),
    )
    department = CampusForeignKey(
        Department,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="timetable_feeds",
        verbose_name=_("department"),
        help_text=_("Only the courses of its sections. Empty: all."),
    )
    first_weekday = models.PositiveSmallIntegerField(
        _("first day of its week"),
        choices=Weekday.choices,
        default=Weekday.MONDAY,
        validators=[MinValueValidator(1), MaxValueValidator(7)],
        help_text=_("Of aSc Timetables, whose days are numbered."),
    )
    their_term = models.PositiveSmallIntegerField(
        _("which of its terms"),
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(20)],
        help_text=_("Of aSc Timetables, whose files may hold several."),
    )
    share = models.PositiveSmallIntegerField(
        _("waits when shorter by (%)"),
        default=40,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text=_(
            "When so many of the meetings ahead are missing at once, nothing is saved until a "
            "person confirms it."
        ),
    )
    accepted_at = models.DateTimeField(_("accepted"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("timetable feed")
        verbose_name_plural = _("timetable feeds")
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["campus", "name"], name="timetable_feed_named_once"),
            Named(field="name", name="timetable_feed_named"),
            models.CheckConstraint(
                condition=Q(format__in=["ical", "spreadsheet", "fet", "asc", "untis", "unitime"]),
                name="timetable_feed_format",
            ),
            models.CheckConstraint(condition=Q(share__range=(1, 100)), name="timetable_feed_share"),
            models.CheckConstraint(
                condition=Q(first_weekday__range=(1, 7)), name="timetable_feed_weekday"
            ),
            models.CheckConstraint(
                condition=Q(their_term__range=(1, 20)), name="timetable_feed_their_term"
            ),
            models.CheckConstraint(
                condition=Q(covers_until__gte=F("covers_from")),
                name="timetable_feed_covers",
                violation_error_message=_("The last day lies before the first."),
            ),
            models.CheckConstraint(
                condition=Q(is_nightly=False) | ~Q(url=""),
                name="timetable_feed_night_address",
                violation_error_message=_("Only a feed with an address is read every night."),
            ),
            DayInBounds(field="covers_from", name="timetable_feed_covers_from"),
            DayInBounds(field="covers_until", name="timetable_feed_covers_until"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def first_day(self) -> date:
        return max(self.term.starts_on, self.covers_from or date.min)

    @property
    def last_day(self) -> date:
        return min(self.term.ends_on, self.covers_until or date.max)

    def covers(self, course: Course) -> bool:
        """Whether it may decide about this course (its section is read)."""
        if self.department_id is None:
            return True
        return course.section is not None and course.section.department_id == self.department_id


class FeedCode(CampusModel):
    """What a name in the feed means here: the code of a course or lecturer, a room, a day of the
    week, or from when until when a period lasts (08:00–08:45)."""

    class Kind(models.TextChoices):
        COURSE = "course", _("course")
        ROOM = "room", _("room")
        TEACHER = "teacher", _("lecturer")
        DAY = "day", _("day")
        PERIOD = "period", _("period")

    feed = CampusForeignKey(
        TimetableFeed,
        db_index=False,
        on_delete=models.CASCADE,
        related_name="codes",
        verbose_name=_("timetable feed"),
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    theirs = models.CharField(
        _("there"),
        max_length=200,
        help_text=_("As it stands there. Of a course with its class: “Ma 5.A”."),
    )
    ours = models.CharField(
        _("here"),
        max_length=200,
        help_text=_(
            "Course code, room (Main 101), number of the lecturer, Monday, 08:00–08:45. Several "
            "courses that meet as one class with commas."
        ),
    )

    class Meta:
        verbose_name = _("code of a timetable feed")
        verbose_name_plural = _("codes of timetable feeds")
        ordering = ["kind", "theirs", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["campus", "feed", "kind", "theirs"], name="feed_code_once"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["course", "room", "teacher", "day", "period"]),
                name="feed_code_kind",
            ),
            Named(field="theirs", name="feed_code_theirs"),
            Named(field="ours", name="feed_code_ours"),
        ]

    def __str__(self) -> str:
        return f"{self.theirs}: {self.ours}"


class FeedMeeting(CampusModel):
    """One meeting as the feed said it last, and the session that it is here.

    `key` and `week` (a Monday; empty for a single one) name it there. Where the session differs, a
    person decided so here. A room or lecturer that the feed does not name is the one with which
    the session was made. It outlives the session: one that was deleted here stays deleted.
    """

    feed = CampusForeignKey(
        TimetableFeed,
        db_index=False,
        on_delete=models.CASCADE,
        related_name="meetings",
        verbose_name=_("timetable feed"),
    )
    key = models.CharField(_("key"), max_length=200)
    week = models.DateField(_("week"), null=True, blank=True, help_text=_("Its Monday."))
    called = models.CharField(_("course there"), max_length=400, blank=True)
    course = CampusForeignKey(
        Course, on_delete=models.CASCADE, related_name="+", verbose_name=_("course")
    )
    session = CampusForeignKey(
        ClassSession,
        db_index=False,
        on_delete=models.SET_NULL,
        null=True,
        related_name="feed_meetings",
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
        Faculty,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("lecturer"),
    )
    is_withdrawn = models.BooleanField(
        _("withdrawn"), default=False, help_text=_("Cancelled by the feed, not by hand.")
    )

    class Meta:
        verbose_name = _("meeting of a timetable feed")
        verbose_name_plural = _("meetings of timetable feeds")
        ordering = ["-starts_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["campus", "session"], name="feed_meeting_session"),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="feed_meeting_ends_after_start"
            ),
            models.CheckConstraint(
                condition=Q(week__isnull=True) | Q(week__iso_week_day=1),
                name="feed_meeting_week_is_a_monday",
            ),
            MomentInBounds(field="starts_at", name="feed_meeting_starts_at"),
            MomentInBounds(field="ends_at", name="feed_meeting_ends_at"),
        ]
        indexes = [
            models.Index(fields=["campus", "feed", "starts_at"], name="feed_meeting_starts"),
        ]

    def __str__(self) -> str:
        return f"{self.called} {self.starts_at:%Y-%m-%d %H:%M}"


class FeedRun(CampusModel):
    """One reading: looked at, saved, or waiting for a person.

    `commit`: saved, if nothing keeps it; else a dry run. `confirmed`: how many meetings may be
    missing by the word of a person. The file is kept, sealed, for as long as it may still be
    saved: what a person confirms is what was shown.
    """

    class Status(models.TextChoices):
        RUNNING = "running", _("running")
        CHECKED = "checked", _("checked")
        WAITING = "waiting", _("waits for a person")
        REFUSED = "refused", _("refused")
        REPLACED = "replaced", _("replaced by a later one")
        SAVED = "saved", _("saved")
        FAILED = "failed", _("failed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    feed = CampusForeignKey(
        TimetableFeed,
        db_index=False,
        on_delete=models.CASCADE,
        related_name="runs",
        verbose_name=_("timetable feed"),
    )
    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.RUNNING
    )
    commit = models.BooleanField(_("is saved"), default=False)
    filename = models.CharField(_("file"), max_length=200, blank=True)
    sealed_file = models.BinaryField(_("contents"), null=True, blank=True, editable=False)
    confirmed = models.PositiveIntegerField(_("may be missing"), null=True, blank=True)
    missing = models.PositiveIntegerField(_("missing"), default=0)
    problem = models.CharField(_("problem"), max_length=500, blank=True)
    result = models.JSONField(_("result"), default=dict, blank=True)
    problems = models.JSONField(_("wrong rows"), default=list, blank=True)
    job = CampusForeignKey(
        Job,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("job"),
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("started by"),
    )
    created_at = models.DateTimeField(_("started"))
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    class Meta:
        verbose_name = _("reading of a timetable feed")
        verbose_name_plural = _("readings of timetable feeds")
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    status__in=[
                        "running",
                        "checked",
                        "waiting",
                        "refused",
                        "replaced",
                        "saved",
                        "failed",
                    ]
                ),
                name="feed_run_status",
            )
        ]
        indexes = [
            models.Index(fields=["campus", "feed", "created_at"], name="feed_run_created"),
        ]

    def __str__(self) -> str:
        return f"{self.created_at:%Y-%m-%d %H:%M}"
