"""Consent: who agreed to what, in which wording, and when it was withdrawn."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Student
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
