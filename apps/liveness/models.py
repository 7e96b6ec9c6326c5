"""Head turns that were shown with a check-in: the frames, and what a worker made of them.

No model here knows what a check-in is: a check is named by its `reference`.
"""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Student
from apps.biometrics.models import FaceSample, StoredImage
from apps.common.constraints import Between
from apps.tenants.fields import CampusForeignKey
from apps.tenants.models import CampusModel


class LivenessCheck(CampusModel):
    """One series of frames, judged once against the turns that its ticket asked for."""

    class Decision(models.TextChoices):
        PENDING = "pending", _("being looked at")
        PASSED = "passed", _("seen live")
        FAILED = "failed", _("not live")
        UNDECIDED = "undecided", _("could not tell")

    student = CampusForeignKey(
        Student,
        db_index=False,
        on_delete=models.CASCADE,
        related_name="liveness_checks",
        verbose_name=_("student"),
    )
    reference = models.CharField(
        _("reference"), max_length=60, help_text=_("What asked; one check per reference.")
    )
    turns = models.CharField(_("head turns asked for"), max_length=30)
    told_at = models.DateTimeField(_("turns told"))
    sent_at = models.DateTimeField(_("frames sent"))
    decision = models.CharField(
        _("decision"), max_length=12, choices=Decision.choices, default=Decision.PENDING
    )
    reason = models.CharField(_("reason"), max_length=40, blank=True)
    measurements = models.JSONField(_("measurements"), default=dict, blank=True)
    latency_ms = models.PositiveIntegerField(_("latency (ms)"), null=True, blank=True)
    judged_at = models.DateTimeField(_("judged"), null=True, blank=True)

    class Meta:
        verbose_name = _("liveness check")
        verbose_name_plural = _("liveness checks")
        ordering = ["-sent_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["campus", "reference"], name="liveness_reference"),
            models.CheckConstraint(
                condition=Q(decision__in=["pending", "passed", "failed", "undecided"]),
                name="liveness_decision",
            ),
        ]
        indexes = [models.Index(fields=["campus", "student", "sent_at"], name="liveness_student")]

    def __str__(self) -> str:
        return f"{self.student_id}: {self.get_decision_display()}"


class LivenessFrame(CampusModel):
    """A picture that may not be sent as a frame again: a frame of a check, or an enrolled photo.

    The fingerprint stays for 90 days, the image for as long as the campus keeps selfies. Of an
    enrolled photo it stays as long as the photo.
    """

    student = CampusForeignKey(
        Student,
        db_index=False,
        on_delete=models.CASCADE,
        related_name="+",
        verbose_name=_("student"),
    )
    check_of = CampusForeignKey(
        LivenessCheck,
        db_index=False,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="frames",
        verbose_name=_("check"),
    )
    sample = CampusForeignKey(
        FaceSample,
        db_index=False,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("enrolled photo"),
    )
    number = models.PositiveSmallIntegerField(_("number"), default=0)
    turn = models.PositiveSmallIntegerField(
        _("turn"), default=0, help_text=_("0: straight ahead, then the turns in their order.")
    )
    at_ms = models.PositiveIntegerField(_("milliseconds since the first frame"), default=0)
    image = CampusForeignKey(
        StoredImage,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("image"),
    )
    fingerprint = models.BinaryField(
        _("fingerprint"), max_length=18, default=b"", db_default=b"", editable=False
    )
    seen_at = models.DateTimeField(_("seen"))

    class Meta:
        verbose_name = _("picture of a liveness check")
        verbose_name_plural = _("pictures of liveness checks")
        ordering = ["-seen_at", "number", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["campus", "check_of", "number"], name="liveness_frame_number"
            ),
            models.UniqueConstraint(fields=["campus", "sample"], name="liveness_frame_sample"),
            models.CheckConstraint(
                condition=Q(check_of__isnull=False) ^ Q(sample__isnull=False),
                name="liveness_frame_owner",
            ),
            Between(field="number", name="liveness_frame_number_range", high=8),
            Between(field="turn", name="liveness_frame_turn", high=3),
            Between(field="at_ms", name="liveness_frame_at", high=600_000),
        ]
        indexes = [models.Index(fields=["campus", "student"], name="liveness_frame_student")]

    def __str__(self) -> str:
        return f"{self.student_id} {self.number}"
