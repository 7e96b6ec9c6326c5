"""Consents, the campus's rules about personal data, and requests for erasure."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Faculty, Student
from apps.common.constraints import Between, DayInBounds
from apps.tenants.fields import CampusForeignKey
from apps.tenants.models import CampusModel


class Consent(CampusModel):
    """A student's agreement to one kind of processing. Withdrawn ones stay as history."""

    class Kind(models.TextChoices):
        FACE = "face", _("face verification")

    student = CampusForeignKey(
        Student, on_delete=models.CASCADE, related_name="consents", verbose_name=_("student")
    )
    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices)
    version = models.CharField(_("version of the wording"), max_length=20)
    given_at = models.DateTimeField(_("given"))
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True, blank=True)

    class Meta:
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        ordering = ["-given_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["campus", "student", "kind"],
                condition=Q(withdrawn_at__isnull=True),
                name="consent_one_active",
            ),
            models.CheckConstraint(condition=Q(kind__in=["face"]), name="consent_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.version}"


class PrivacyRules(CampusModel):
    """What this campus decides about personal data; without the row, the defaults hold."""

    erasure_waiting_days = models.PositiveSmallIntegerField(
        _("days before an erasure"),
        default=14,
        help_text=_("So that a request that somebody else made, or a mistake, can be withdrawn."),
    )
    four_eyes = models.BooleanField(
        _("a second person approves erasures"),
        default=True,
        help_text=_("An administrator other than the one who asked."),
    )
    coordinates_hours = models.PositiveSmallIntegerField(
        _("hours that coordinates are kept"), default=24
    )
    addresses_days = models.PositiveSmallIntegerField(
        _("days that network addresses are kept"), default=30
    )
    selfies_days = models.PositiveSmallIntegerField(
        _("days that photos of check-ins are kept"), default=30
    )
    class_photos_hours = models.PositiveSmallIntegerField(
        _("hours that photos of a class are kept for review"),
        default=24,
        db_default=24,
        help_text=_("They go as soon as the lecturer has finished, and then at the latest."),
    )
    documents_days = models.PositiveSmallIntegerField(
        _("days that documents of leave requests are kept"), default=365
    )
    faces_days = models.PositiveSmallIntegerField(
        _("days that enrolled photos are kept after the last enrolment ended"), default=30
    )

    class Meta:
        db_table = "privacy_rules"
        verbose_name = _("rules of privacy")
        verbose_name_plural = _("rules of privacy")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["campus"], name="privacy_rules_one"),
            Between(field="erasure_waiting_days", name="privacy_waiting", low=0, high=365),
            Between(field="coordinates_hours", name="privacy_coordinates", low=1, high=24),
            Between(field="addresses_days", name="privacy_addresses", low=1, high=30),
            Between(field="selfies_days", name="privacy_selfies", low=1, high=30),
            Between(field="class_photos_hours", name="privacy_class_photos", low=1, high=24),
            Between(field="documents_days", name="privacy_documents", low=1, high=365),
            Between(field="faces_days", name="privacy_faces", low=0, high=365),
        ]

    def __str__(self) -> str:
        return str(self._meta.verbose_name)


class SearchPermission(CampusModel):
    """What the campus wrote down before faces may be searched. The newest version is in force.

    Comparing a photo with the templates of the one student who sent it needs none. Written once:
    a change is a version of its own.
    """

    class Covers(models.TextChoices):
        ROSTER = "roster", _("the students of one class")
        CAMPUS = "campus", _("everybody of the campus")

    version = models.PositiveIntegerField(_("version"))
    covers = models.CharField(
        _("among whom is searched"), max_length=10, choices=Covers.choices, default=Covers.ROSTER
    )
    purpose = models.TextField(_("purpose"), max_length=1000, blank=True)
    legal_basis = models.TextField(_("legal basis"), max_length=1000, blank=True)
    assessed_on = models.DateField(_("day of the impact assessment"), null=True, blank=True)
    assessment_owner = models.CharField(
        _("who answers for the impact assessment"), max_length=200, blank=True
    )
    alternative = models.TextField(
        _("alternative for those who do not agree"), max_length=1000, blank=True
    )
    reviewers = models.TextField(
        _("who looks at results before they count"), max_length=1000, blank=True
    )
    retention_days = models.PositiveSmallIntegerField(
        _("days that photos and results of searches are kept"), null=True, blank=True
    )
    cameras = models.BooleanField(
        _("by cameras too"),
        default=False,
        db_default=False,
        help_text=_(
            "Photos that a person takes are another use than cameras that run by themselves."
        ),
    )
    camera_notice = models.TextField(
        _("how people in front of the cameras are told"),
        max_length=1000,
        blank=True,
        default="",
        db_default="",
        help_text=_("Such as a sign at each door, and where it says more."),
    )
    asked_anew = models.PositiveIntegerField(
        _("version since which consents hold"),
        help_text=_("Students who agreed before are not searched until they agree to this."),
    )
    written_at = models.DateTimeField(_("written"))
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True, blank=True)

    class Meta:
        verbose_name = _("permission to search")
        verbose_name_plural = _("permissions to search")
        ordering = ["-version"]
        constraints = [
            models.UniqueConstraint(fields=["campus", "version"], name="search_permission_version"),
            models.CheckConstraint(
                condition=Q(covers__in=["roster", "campus"]), name="search_permission_covers"
            ),
            models.CheckConstraint(
                condition=Q(asked_anew__gte=1, asked_anew__lte=models.F("version")),
                name="search_permission_asked_anew",
            ),
            DayInBounds(field="assessed_on", name="search_permission_assessed"),
            Between(field="retention_days", name="search_permission_kept", low=1, high=30),
        ]

    def __str__(self) -> str:
        return str(self.version)


class ErasureRequest(CampusModel):
    """Somebody is to be erased from this campus: asked, approved, done after a waiting time.

    Afterwards it holds the proof and names nobody: the rows that it leads to say “Erased”.
    """

    class Status(models.TextChoices):
        WAITING = "waiting", _("waiting")
        DONE = "done", _("done")
        WITHDRAWN = "withdrawn", _("withdrawn")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    student = CampusForeignKey(
        Student,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="erasures",
        verbose_name=_("student"),
    )
    faculty = CampusForeignKey(
        Faculty,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="erasures",
        verbose_name=_("faculty member"),
    )
    account_id = models.BigIntegerField(_("account"), null=True, blank=True)
    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.WAITING
    )
    asked_at = models.DateTimeField(_("asked"))
    asked_by_id = models.CharField(_("asked by (id)"), max_length=64, blank=True)
    is_own = models.BooleanField(_("asked by the person"), default=False)
    due_at = models.DateTimeField(_("not before"))
    needs_approval = models.BooleanField(_("needs approval"), default=True)
    approved_at = models.DateTimeField(_("approved"), null=True, blank=True)
    approved_by_id = models.CharField(_("approved by (id)"), max_length=64, blank=True)
    ended_at = models.DateTimeField(_("done or withdrawn"), null=True, blank=True)
    proof = models.JSONField(_("proof"), default=dict, blank=True)
    proof_sha256 = models.CharField(_("SHA-256 of the proof"), max_length=64, blank=True)

    class Meta:
        verbose_name = _("request for erasure")
        verbose_name_plural = _("requests for erasure")
        ordering = ["-asked_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["campus", "student"],
                condition=Q(status="waiting"),
                name="erasure_one_of_student",
            ),
            models.UniqueConstraint(
                fields=["campus", "faculty"],
                condition=Q(status="waiting"),
                name="erasure_one_of_faculty",
            ),
            models.UniqueConstraint(
                fields=["campus", "account_id"],
                condition=Q(status="waiting"),
                name="erasure_one_of_account",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["waiting", "done", "withdrawn"]), name="erasure_status"
            ),
            models.CheckConstraint(
                condition=~Q(status="waiting")
                | Q(student__isnull=False)
                | Q(faculty__isnull=False)
                | Q(account_id__isnull=False),
                name="erasure_of_somebody",
            ),
            models.CheckConstraint(
                condition=~Q(status="done") | (Q(ended_at__isnull=False) & ~Q(proof_sha256="")),
                name="erasure_proven",
            ),
        ]
        indexes = [
            models.Index(
                fields=["campus", "due_at"], condition=Q(status="waiting"), name="erasure_due"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_status_display()} {self.asked_at:%Y-%m-%d}"
