"""Photos of check-ins that became templates, and how far faces have moved from their templates."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Student
from apps.biometrics.models import FaceSample
from apps.common.constraints import Between
from apps.tenants.fields import CampusForeignKey
from apps.tenants.models import CampusModel

NEAR_THE_LIMIT = 0.9
"""Of the threshold. A cautious choice: a mean of the last five this near is soon refused."""
DRIFTING = 0.15
"""Of the threshold, gained since the first comparisons. A cautious choice."""


class LearningSetting(CampusModel):
    """Whether the campus learns faces from check-ins. Without a row it does not."""

    is_on = models.BooleanField(
        _("learn from check-ins"),
        default=False,
        help_text=_(
            "Photos of check-ins that matched well, with head turns seen live and nothing against "
            "them, become templates. Students are asked to agree anew, and until then nothing is "
            "learned of them."
        ),
    )

    class Meta:
        verbose_name = _("learning from check-ins")
        verbose_name_plural = _("learning from check-ins")
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["campus"], name="learning_setting_one")]

    def __str__(self) -> str:
        return str(_("on") if self.is_on else _("off"))


class LearnedSample(CampusModel):
    """A sample that a check-in gave. Without the sample the row says that it was removed, by the
    student or the administration: the check-in is not learned from again."""

    student = CampusForeignKey(
        Student,
        db_index=False,
        on_delete=models.CASCADE,
        related_name="learned_samples",
        verbose_name=_("student"),
    )
    sample = CampusForeignKey(
        FaceSample,
        db_index=False,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("sample"),
    )
    check_in = models.UUIDField(_("check-in"), editable=False)
    distance = models.FloatField(
        _("distance"), help_text=_("Mean distance to the templates at the check-in.")
    )
    learned_at = models.DateTimeField(_("learned"))

    class Meta:
        verbose_name = _("learned sample")
        verbose_name_plural = _("learned samples")
        ordering = ["-learned_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["campus", "sample"], name="learned_sample_one"),
            models.UniqueConstraint(fields=["campus", "check_in"], name="learned_once"),
            Between(field="distance", name="learned_distance", low=0, high=2),
        ]
        indexes = [models.Index(fields=["campus", "student"], name="learned_student")]

    def __str__(self) -> str:
        return f"{self.student_id} {self.learned_at:%Y-%m-%d}"


class FaceDrift(CampusModel):
    """Matches of a student at first and lately, as shares of the threshold: 1 is just a match."""

    student = CampusForeignKey(
        Student,
        db_index=False,
        on_delete=models.CASCADE,
        related_name="+",
        verbose_name=_("student"),
    )
    matches = models.PositiveIntegerField(_("matches in 180 days"))
    earlier = models.FloatField(_("the first five"))
    lately = models.FloatField(_("the last five"))
    measured_at = models.DateTimeField(_("measured"))

    class Meta:
        verbose_name = _("face drift")
        verbose_name_plural = _("face drift")
        ordering = ["-lately", "id"]
        constraints = [
            models.UniqueConstraint(fields=["campus", "student"], name="face_drift_one"),
            Between(field="earlier", name="face_drift_earlier", low=0, high=1),
            Between(field="lately", name="face_drift_lately", low=0, high=1),
        ]
        indexes = [models.Index(fields=["campus", "lately"], name="face_drift_lately_at")]

    def __str__(self) -> str:
        return f"{self.student_id}: {self.earlier:.2f}, {self.lately:.2f}"

    @property
    def is_near_the_limit(self) -> bool:
        return self.lately >= NEAR_THE_LIMIT

    @property
    def is_drifting(self) -> bool:
        return self.lately - self.earlier >= DRIFTING
