"""Leave from classes, appeals against marks, and the documents that prove them."""

import uuid
from typing import Final

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Student
from apps.attendance.models.record import AttendanceRecord
from apps.attendance.models.status import Status
from apps.common.constraints import MomentInBounds
from apps.enrollments.models import Course
from apps.sessions.models import ClassSession
from apps.tenants.fields import CampusForeignKey
from apps.tenants.models import CampusModel, TimestampedModel


class Attachment(CampusModel):
    """A certificate that a student handed in. The file lies sealed in the storage under `key`."""

    class Kind(models.TextChoices):
        PDF = "application/pdf", "PDF"
        JPEG = "image/jpeg", "JPEG"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    student = CampusForeignKey(
        Student, on_delete=models.PROTECT, related_name="attachments", verbose_name=_("student")
    )
    key = models.CharField(_("key in the storage"), max_length=200, editable=False)
    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices)
    size = models.PositiveIntegerField(_("size (bytes)"))
    stored_at = models.DateTimeField(_("stored"))
    delete_after = models.DateTimeField(_("deleted after"))

    class Meta:
        verbose_name = _("attachment")
        verbose_name_plural = _("attachments")
        ordering = ["-stored_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["campus", "key"], name="attachment_key"),
            models.CheckConstraint(
                condition=Q(kind__in=["application/pdf", "image/jpeg"]), name="attachment_kind"
            ),
        ]
        indexes = [models.Index(fields=["campus", "delete_after"], name="attachment_due")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.stored_at:%Y-%m-%d}"


class Decided(TimestampedModel):
    """What a student asks for and somebody decides. The same (student, nonce) is one request."""

    attachment = CampusForeignKey(
        Attachment,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("attachment"),
    )
    nonce = models.CharField(_("client nonce"), max_length=64, editable=False)
    requested_at = models.DateTimeField(_("requested"))
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    decided_by_id = models.CharField(_("decided by (id)"), max_length=64, blank=True)
    decided_by = models.CharField(_("decided by"), max_length=254, blank=True)
    decision_note = models.CharField(_("answer"), max_length=500, blank=True)

    class Meta:
        abstract = True


class LeaveRequest(Decided):
    """A student asks to be excused for a span of time, before or after it.

    Approved, it excuses every session that touches the span, of one course or of all of them.
    """

    class Status(models.TextChoices):
        PENDING = "pending", _("waiting for a decision")
        APPROVED = "approved", _("approved")
        REJECTED = "rejected", _("rejected")
        WITHDRAWN = "withdrawn", _("withdrawn")

    class Category(models.TextChoices):
        MEDICAL = "medical", _("illness")
        FAMILY = "family", _("family")
        OFFICIAL = "official", _("on behalf of the campus")
        OTHER = "other", _("other")

    student = CampusForeignKey(
        Student,
        db_index=False,
        on_delete=models.PROTECT,
        related_name="leaves",
        verbose_name=_("student"),
    )
    course = CampusForeignKey(
        Course,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="leaves",
        verbose_name=_("course"),
        help_text=_("Empty: all courses."),
    )
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"))
    category = models.CharField(_("kind"), max_length=10, choices=Category.choices)
    reason = models.CharField(_("reason"), max_length=1000)
    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.PENDING
    )

    class Meta:
        verbose_name = _("leave request")
        verbose_name_plural = _("leave requests")
        ordering = ["-requested_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["campus", "student", "nonce"], name="leave_nonce"),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="leave_span"),
            models.CheckConstraint(
                condition=Q(status__in=["pending", "approved", "rejected", "withdrawn"]),
                name="leave_status",
            ),
            models.CheckConstraint(
                condition=Q(category__in=["medical", "family", "official", "other"]),
                name="leave_category",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["approved", "rejected"]) | Q(decided_at__isnull=False),
                name="leave_decided_at",
            ),
            MomentInBounds(field="starts_at", name="leave_starts_at"),
            MomentInBounds(field="ends_at", name="leave_ends_at"),
        ]
        indexes = [
            models.Index(fields=["campus", "student", "-requested_at"], name="leave_student"),
            models.Index(fields=["campus", "status", "-requested_at"], name="leave_status_index"),
            models.Index(
                fields=["campus", "ends_at", "starts_at"],
                condition=Q(status="approved"),
                name="leave_approved",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.student_id} {self.starts_at:%Y-%m-%d} – {self.ends_at:%Y-%m-%d}"

    def covers(self, session: ClassSession, *, course_id: int) -> bool:
        """Whether any part of the session lies in the span, and that course of it is meant."""
        meant = self.course_id in (None, course_id)
        return meant and self.starts_at < session.ends_at and self.ends_at > session.starts_at


# What a student may appeal to: nobody asks for a worse mark.
WANTED: Final = (Status.PRESENT, Status.LATE, Status.EXCUSED)


class Appeal(Decided):
    """A student says that a mark in the register is wrong. `against` is the mark as it stood."""

    class State(models.TextChoices):
        OPEN = "open", _("waiting for a decision")
        ACCEPTED = "accepted", _("accepted")
        REJECTED = "rejected", _("rejected")
        WITHDRAWN = "withdrawn", _("withdrawn")

    record = CampusForeignKey(
        AttendanceRecord,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="appeals",
        verbose_name=_("record"),
        help_text=_("Empty where the mark was removed since."),
    )
    session = CampusForeignKey(
        ClassSession,
        on_delete=models.PROTECT,
        related_name="appeals",
        verbose_name=_("session"),
    )
    student = CampusForeignKey(
        Student,
        db_index=False,
        on_delete=models.PROTECT,
        related_name="appeals",
        verbose_name=_("student"),
    )
    against = models.CharField(_("against"), max_length=10, choices=Status.choices)
    wanted = models.CharField(
        _("wanted"), max_length=10, choices=[(status.value, status.label) for status in WANTED]
    )
    text = models.CharField(_("why"), max_length=1000)
    status = models.CharField(_("status"), max_length=10, choices=State.choices, default=State.OPEN)
    deadline_at = models.DateTimeField(_("could be made until"))

    class Meta:
        verbose_name = _("appeal")
        verbose_name_plural = _("appeals")
        ordering = ["-requested_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["campus", "student", "nonce"], name="appeal_nonce"),
            models.UniqueConstraint(
                fields=["campus", "session", "student"],
                condition=Q(status="open"),
                name="appeal_one_open",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["open", "accepted", "rejected", "withdrawn"]),
                name="appeal_status",
            ),
            models.CheckConstraint(
                condition=Q(wanted__in=["present", "late", "excused"]), name="appeal_wanted"
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["accepted", "rejected"]) | Q(decided_at__isnull=False),
                name="appeal_decided_at",
            ),
            models.CheckConstraint(
                condition=Q(requested_at__lte=F("deadline_at")), name="appeal_in_time"
            ),
        ]
        indexes = [
            models.Index(fields=["campus", "student", "-requested_at"], name="appeal_student"),
            models.Index(fields=["campus", "status", "-requested_at"], name="appeal_status_index"),
        ]

    def __str__(self) -> str:
        return f"{self.session_id}: {self.get_against_display()} → {self.get_wanted_display()}"
