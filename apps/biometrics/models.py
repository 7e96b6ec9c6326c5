"""Faces: stored images, samples, templates of registered models, and the history of verifications.

No model here knows what a class session is.
"""

from typing import Any, Final

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Func, Q
from django.db.models.lookups import Exact
from django.utils.translation import gettext_lazy as _
from pgvector.django import VectorField

from apps.accounts.models import Student
from apps.common.constraints import Between, Named
from apps.privacy.models import Consent
from apps.tenants.fields import CampusForeignKey
from apps.tenants.models import CampusModel

MOST_MARGINS: Final = 10


def check_margins(value: Any) -> None:
    """At most ten numbers of -2 to 2."""
    numbers = isinstance(value, list) and all(
        isinstance(number, int | float) and not isinstance(number, bool) and -2 <= number <= 2
        for number in value
    )
    if not numbers or len(value) > MOST_MARGINS:
        message = _("Write at most %(count)d numbers from -2 to 2, such as [0.025, 0.033].")
        raise ValidationError(message, params={"count": MOST_MARGINS})


class FaceModel(models.Model):
    """A registered engine. Shared by all campuses: it holds no personal data."""

    name = models.CharField(_("name"), max_length=50)
    version = models.CharField(_("version"), max_length=50)
    dimension = models.PositiveIntegerField(_("dimension"))
    metric = models.CharField(_("metric"), max_length=10, default="cosine")
    threshold = models.FloatField(
        _("threshold"),
        validators=[MinValueValidator(0), MaxValueValidator(2)],
        help_text=_("Largest cosine distance at which two faces count as one person."),
    )
    sha256 = models.CharField(_("SHA-256 of the weights"), max_length=64)
    detector = models.CharField(_("detector"), max_length=50, blank=True, default="", db_default="")
    margins = models.JSONField(
        _("added for more templates"),
        default=list,
        db_default=[],
        blank=True,
        validators=[check_margins],
        help_text=_(
            "What is added to the threshold for 2, 3, … templates; the last holds for more."
        ),
    )
    campus_margins = models.JSONField(
        _("added where a campus is searched"),
        default=list,
        db_default=[],
        blank=True,
        validators=[check_margins],
        help_text=_(
            "What is added to the threshold for 1, 2, 3, … templates, below 0. Without it no "
            "campus is searched."
        ),
    )
    is_default = models.BooleanField(_("for campuses without templates"), default=False)
    registered_at = models.DateTimeField(_("registered"), auto_now_add=True)

    class Meta:
        verbose_name = _("face model")
        verbose_name_plural = _("face models")
        ordering = ["name", "version"]
        constraints = [
            models.UniqueConstraint(fields=["name", "version"], name="face_model_unique"),
            models.UniqueConstraint(
                fields=["is_default"], condition=Q(is_default=True), name="face_model_one_default"
            ),
            Named(field="name", name="face_model_name"),
            Named(field="version", name="face_model_version"),
            Between(field="dimension", name="face_model_dimension", low=1, high=16_000),
            Between(field="threshold", name="face_model_threshold", low=0, high=2),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


class StoredImage(CampusModel):
    """One encrypted object in storage, found by the hash of its content.

    The id is derived from campus and hash, so that the same photo is stored once however many
    rows refer to it.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    key = models.CharField(_("storage key"), max_length=200)
    sha256 = models.CharField(_("SHA-256"), max_length=64)
    size = models.PositiveIntegerField(_("size (bytes)"))
    stored_at = models.DateTimeField(_("stored"))
    delete_after = models.DateTimeField(_("kept until"), null=True, blank=True)

    class Meta:
        verbose_name = _("stored image")
        verbose_name_plural = _("stored images")
        ordering = ["-stored_at"]
        # One row of each content: the id is made of campus and content (services/images.py).
        indexes = [models.Index(fields=["campus", "delete_after"], name="stored_image_retention")]

    def __str__(self) -> str:
        return self.key


class FaceSample(CampusModel):
    """A photo that a consenting student enrolled with. A worker judges its quality."""

    class Status(models.TextChoices):
        PENDING = "pending", _("being checked")
        ACCEPTED = "accepted", _("accepted")
        REFUSED = "refused", _("refused")

    student = CampusForeignKey(
        Student,
        db_index=False,
        on_delete=models.CASCADE,
        related_name="face_samples",
        verbose_name=_("student"),
    )
    consent = CampusForeignKey(
        Consent, on_delete=models.PROTECT, related_name="+", verbose_name=_("consent")
    )
    image = CampusForeignKey(
        StoredImage, on_delete=models.PROTECT, related_name="samples", verbose_name=_("image")
    )
    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.PENDING
    )
    reason = models.CharField(_("reason"), max_length=40, blank=True)
    quality = models.JSONField(_("measurements"), default=dict, blank=True)
    created_at = models.DateTimeField(_("uploaded"))
    # When a worker was asked for it again; a lease, see `take_lost` of apps/tenants/tasks.py.
    queued_at = models.DateTimeField(_("queued again"), null=True, blank=True, editable=False)
    judged_at = models.DateTimeField(_("judged"), null=True, blank=True)

    class Meta:
        verbose_name = _("face sample")
        verbose_name_plural = _("face samples")
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["campus", "student", "image"], name="face_sample_unique"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["pending", "accepted", "refused"]),
                name="face_sample_status",
            ),
        ]
        indexes = [
            models.Index(fields=["campus", "status", "created_at"], name="face_sample_status_at")
        ]

    def __str__(self) -> str:
        return f"{self.student} ({self.get_status_display()})"


class FaceTemplate(CampusModel):
    """A face vector in a secret frame of its own; only vectors of one model are compared."""

    student = CampusForeignKey(
        Student, on_delete=models.CASCADE, related_name="face_templates", verbose_name=_("student")
    )
    sample = CampusForeignKey(
        FaceSample,
        db_index=False,
        on_delete=models.CASCADE,
        related_name="templates",
        verbose_name=_("sample"),
    )
    model = models.ForeignKey(
        FaceModel, on_delete=models.PROTECT, related_name="+", verbose_name=_("model")
    )
    key_generation = models.PositiveIntegerField(_("generation of the key"), default=1)
    frame = models.BinaryField(
        _("number of the frame"), max_length=16, editable=False, db_default=b""
    )
    vector = VectorField(_("protected vector"), editable=False)
    checksum = models.BinaryField(_("checksum"), max_length=32, editable=False)
    created_at = models.DateTimeField(_("created"))

    class Meta:
        verbose_name = _("face template")
        verbose_name_plural = _("face templates")
        ordering = ["student_id", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["campus", "sample", "model"], name="face_template_unique"
            ),
            # Two vectors in one frame would keep their distance.
            models.UniqueConstraint(fields=["campus", "frame"], name="face_template_frame_unique"),
            models.CheckConstraint(
                condition=Exact(
                    Func("frame", function="octet_length", output_field=models.IntegerField()), 16
                ),
                name="face_template_frame_length",
            ),
        ]
        indexes = [
            models.Index(fields=["campus", "model", "student"], name="face_template_student")
        ]

    def __str__(self) -> str:
        return f"{self.student_id} {self.model_id}"


class TemplateKey(CampusModel):
    """Which generation of the campus's template key, and which model, is in force; one row.

    Without it generation 1 and the default model. Whoever writes templates locks it.
    """

    generation = models.PositiveIntegerField(_("generation"), default=1)
    issued_at = models.DateTimeField(_("issued"))
    model = models.ForeignKey(
        FaceModel,
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        verbose_name=_("face model"),
        help_text=_("What templates are made and compared with; the default's without."),
    )

    class Meta:
        verbose_name = _("template key")
        verbose_name_plural = _("template keys")
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["campus"], name="template_key_one")]

    def __str__(self) -> str:
        return str(self.generation)


class CampusThreshold(CampusModel):
    """A campus's own threshold for a model, calibrated on its own people; else the model's."""

    model = models.ForeignKey(
        FaceModel, on_delete=models.CASCADE, related_name="+", verbose_name=_("model")
    )
    threshold = models.FloatField(
        _("threshold"),
        validators=[MinValueValidator(0), MaxValueValidator(2)],
        help_text=_("Largest cosine distance at which two faces count as one person."),
    )

    class Meta:
        verbose_name = _("threshold of this campus")
        verbose_name_plural = _("thresholds of this campus")
        ordering = ["model_id"]
        constraints = [
            models.UniqueConstraint(fields=["campus", "model"], name="campus_threshold_unique"),
            models.CheckConstraint(
                condition=Q(threshold__gte=0, threshold__lte=2), name="campus_threshold_range"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model}: {self.threshold}"


class FaceVerification(CampusModel):
    """One comparison of a photo with a student's templates: score, model, decision."""

    class Decision(models.TextChoices):
        MATCHED = "matched", _("matched")
        NOT_MATCHED = "not_matched", _("not matched")
        UNDECIDED = "undecided", _("could not tell")

    student = CampusForeignKey(
        Student,
        db_index=False,
        on_delete=models.CASCADE,
        related_name="face_verifications",
        verbose_name=_("student"),
    )
    model = models.ForeignKey(
        FaceModel, on_delete=models.PROTECT, related_name="+", null=True, verbose_name=_("model")
    )
    reference = models.CharField(
        _("reference"), max_length=60, help_text=_("What asked; one verification per reference.")
    )
    decision = models.CharField(_("decision"), max_length=12, choices=Decision.choices)
    reason = models.CharField(_("reason"), max_length=40, blank=True)
    distance = models.FloatField(_("distance"), null=True, blank=True)
    threshold = models.FloatField(_("threshold"), null=True, blank=True)
    latency_ms = models.PositiveIntegerField(_("latency (ms)"), null=True, blank=True)
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("face verification")
        verbose_name_plural = _("face verifications")
        ordering = ["-at"]
        constraints = [
            models.UniqueConstraint(
                fields=["campus", "reference"], name="face_verification_reference"
            ),
            models.CheckConstraint(
                condition=Q(decision__in=["matched", "not_matched", "undecided"]),
                name="face_verification_decision",
            ),
            Between(field="distance", name="face_verification_distance", low=0, high=2),
            Between(field="threshold", name="face_verification_threshold", low=0, high=2),
        ]
        indexes = [models.Index(fields=["campus", "student", "at"], name="face_verification_who")]

    def __str__(self) -> str:
        return f"{self.student_id}: {self.get_decision_display()}"
