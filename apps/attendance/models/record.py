"""The register: one record per session and student, its history, and the summary per course."""

from decimal import Decimal

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Student
from apps.attendance.models.policy import Policy
from apps.attendance.models.status import CustomStatus, Status
from apps.common.constraints import Between
from apps.enrollments.models import Course
from apps.sessions.models import ClassSession
from apps.tenants.fields import CampusForeignKey
from apps.tenants.models import CampusModel, TimestampedModel


class RecordSource(models.TextChoices):
    CHECK_IN = "check_in", _("check-in")
    MANUAL = "manual", _("marked by hand")
    CORRECTED = "corrected", _("corrected")
    CLOSING = "closing", _("end of session")
    LEAVE = "leave", _("approved leave")
    IMPORTED = "imported", _("from an older system")
    PHOTO = "photo", _("seen in a photo of the class")
    CAMERA = "camera", _("seen by a camera")


class AttendanceRecord(TimestampedModel):
    """Whether one student attended one session. The summary follows it by database triggers.

    `course` is the one that the mark counts for: of a session of several courses the student's own
    on that day. A trigger fills it in where the writer does not. `attempt_id` is the check-in that
    made the mark, of the app above; the database holds both together.
    """

    session = CampusForeignKey(
        ClassSession,
        db_index=False,
        on_delete=models.PROTECT,
        related_name="records",
        verbose_name=_("session"),
    )
    student = CampusForeignKey(
        Student,
        db_index=False,
        on_delete=models.PROTECT,
        related_name="records",
        verbose_name=_("student"),
    )
    course = CampusForeignKey(
        Course,
        db_index=False,
        on_delete=models.PROTECT,
        editable=False,
        related_name="records",
        verbose_name=_("course"),
    )
    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.PRESENT
    )
    label = CampusForeignKey(
        CustomStatus,
        db_index=False,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="records",
        verbose_name=_("status of the campus"),
        help_text=_("The campus's own name for this status, if it was marked with one."),
    )
    source = models.CharField(_("source"), max_length=10, choices=RecordSource.choices)
    attempt_id = models.UUIDField(_("attempt"), null=True, blank=True)
    policy = CampusForeignKey(
        Policy,
        db_index=False,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("policy"),
        help_text=_("The version that the session was held under. Empty: the built-in defaults."),
    )
    recorded_at = models.DateTimeField(_("recorded"))
    minutes_late = models.PositiveSmallIntegerField(_("minutes late"), default=0)
    biometric_verified = models.BooleanField(_("face verified"), default=False)
    location_verified = models.BooleanField(_("place verified"), default=False)
    bluetooth_verified = models.BooleanField(_("beacon verified"), default=False)
    person_verified = models.BooleanField(
        _("checked by the phone itself"),
        default=False,
        db_default=False,
        help_text=_("By face, finger or screen lock, as a passkey reported it."),
    )
    verification_score = models.DecimalField(
        _("score"), max_digits=3, decimal_places=2, default=Decimal("0.00")
    )
    notes = models.TextField(_("notes"), blank=True)

    class Meta:
        verbose_name = _("attendance record")
        verbose_name_plural = _("attendance records")
        ordering = ["session_id", "student_id"]
        constraints = [
            models.UniqueConstraint(fields=["campus", "session", "student"], name="record_unique"),
            models.CheckConstraint(
                condition=Q(verification_score__range=(0, 1)), name="record_score"
            ),
            models.CheckConstraint(condition=Q(status__in=Status.values), name="record_status"),
            models.CheckConstraint(
                condition=Q(source__in=RecordSource.values), name="record_source"
            ),
        ]
        indexes = [
            models.Index(fields=["campus", "student", "session"], name="record_student"),
            models.Index(fields=["campus", "course"], name="record_course"),
            models.Index(fields=["campus", "recorded_at"], name="record_recorded_at"),
            models.Index(fields=["campus", "verification_score"], name="record_score_index"),
            models.Index(
                fields=["campus", "label"],
                condition=Q(label__isnull=False),
                name="record_label",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.student_id}: {self.get_status_display()}"

    @property
    def shown_code(self) -> str:
        """What a register shows: the code of the campus's own status, else the meaning."""
        return self.label.code if self.label else self.status


class BulkChange(CampusModel):
    """Many marks that one person set at once. The same (campus, nonce) gets the first answer."""

    session = CampusForeignKey(
        ClassSession,
        db_index=False,
        on_delete=models.PROTECT,
        related_name="bulk_changes",
        verbose_name=_("session"),
    )
    nonce = models.CharField(_("client nonce"), max_length=64)
    results = models.JSONField(_("answer"), default=list)
    actor_id = models.CharField(_("actor id"), max_length=64, blank=True)
    actor_label = models.CharField(_("actor"), max_length=254)
    at = models.DateTimeField(_("at"))
    undone_at = models.DateTimeField(_("undone"), null=True, blank=True)

    class Meta:
        verbose_name = _("bulk change")
        verbose_name_plural = _("bulk changes")
        ordering = ["-at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["campus", "nonce"], name="bulk_change_nonce")
        ]
        indexes = [models.Index(fields=["campus", "session", "at"], name="bulk_change_session")]

    def __str__(self) -> str:
        return f"{self.session_id}: {self.actor_label}"


class RecordChange(CampusModel):
    """One change of a mark by a person: before, after, who and why. Never edited or removed.

    "" stands for unmarked. `record` is empty where undoing removed the mark. `leave_id` is
    the approved leave that made the change, of the app above; the database holds both together.
    """

    record = CampusForeignKey(
        AttendanceRecord,
        db_index=False,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="changes",
        verbose_name=_("record"),
    )
    session = CampusForeignKey(
        ClassSession,
        db_index=False,
        on_delete=models.PROTECT,
        related_name="record_changes",
        verbose_name=_("session"),
    )
    student = CampusForeignKey(
        Student,
        db_index=False,
        on_delete=models.PROTECT,
        related_name="record_changes",
        verbose_name=_("student"),
    )
    batch = CampusForeignKey(
        BulkChange,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="changes",
        verbose_name=_("bulk change"),
    )
    leave_id = models.BigIntegerField(_("leave"), null=True, blank=True, db_index=True)
    before = models.CharField(_("before"), max_length=10, choices=Status.choices, blank=True)
    before_label = models.CharField(_("before, on campus"), max_length=20, blank=True)
    before_source = models.CharField(
        _("before, by"), max_length=10, choices=RecordSource.choices, blank=True
    )
    after = models.CharField(_("after"), max_length=10, choices=Status.choices, blank=True)
    after_label = models.CharField(_("after, on campus"), max_length=20, blank=True)
    reason = models.CharField(_("reason"), max_length=500)
    actor_id = models.CharField(_("actor id"), max_length=64, blank=True)
    actor_label = models.CharField(_("actor"), max_length=254)
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("record change")
        verbose_name_plural = _("record changes")
        ordering = ["-at", "-id"]
        indexes = [
            models.Index(fields=["campus", "record", "at"], name="record_change_record"),
            models.Index(fields=["campus", "session", "at"], name="record_change_session"),
            models.Index(fields=["campus", "student", "at"], name="record_change_student"),
        ]

    def __str__(self) -> str:
        return f"{self.before or '–'} → {self.after or '–'}"


class AttendanceSummary(TimestampedModel):
    """Counters of one student in one course. Written by triggers only; see migration 0002.

    A mark counts as attended, as missed or neither: by its label's rule, else by its meaning's
    (present and late attended, absent and invalid missed, excused neither). total = attended +
    missed. Late, absent and excused are counted by meaning. percentage = 100 × attended / total,
    rounded half up to two places, 0 where nothing counts yet.
    """

    course = CampusForeignKey(
        Course,
        db_index=False,
        on_delete=models.CASCADE,
        related_name="summaries",
        verbose_name=_("course"),
    )
    student = CampusForeignKey(
        Student,
        db_index=False,
        on_delete=models.CASCADE,
        related_name="summaries",
        verbose_name=_("student"),
    )
    total_sessions = models.PositiveIntegerField(_("sessions"), default=0)
    attended_sessions = models.PositiveIntegerField(_("attended"), default=0)
    late_sessions = models.PositiveIntegerField(_("late"), default=0)
    absent_sessions = models.PositiveIntegerField(_("absent"), default=0)
    excused_sessions = models.PositiveIntegerField(_("excused"), default=0)
    attendance_percentage = models.DecimalField(
        _("attendance (%)"), max_digits=5, decimal_places=2, default=Decimal("0.00")
    )
    first_attendance_on = models.DateField(_("first attended"), null=True, blank=True)
    last_attendance_on = models.DateField(_("last attended"), null=True, blank=True)

    class Meta:
        verbose_name = _("attendance summary")
        verbose_name_plural = _("attendance summaries")
        ordering = ["course_id", "student_id"]
        constraints = [
            models.UniqueConstraint(fields=["campus", "course", "student"], name="summary_unique"),
            Between(field="attendance_percentage", name="summary_percents", low=0, high=100),
        ]
        indexes = [
            models.Index(fields=["campus", "student"], name="summary_student"),
            models.Index(fields=["campus", "attendance_percentage"], name="summary_percentage"),
        ]

    def __str__(self) -> str:
        return f"{self.student_id} in {self.course_id}: {self.attendance_percentage} %"
