"""Older systems that are moved in from the administration: what was uploaded, and what came of it.

A move by the command leaves an entry in the audit log and no row here.
"""

from typing import Final

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.enrollments.models import Term
from apps.jobs.models import Job
from apps.tenants.fields import CampusForeignKey
from apps.tenants.models import CampusModel

CHECK: Final = "legacy.check"  # its two jobs
COMMIT: Final = "legacy.commit"


class LegacyMove(CampusModel):
    """One uploaded source on its way: checked (a dry run), looked at, saved."""

    class Status(models.TextChoices):
        CHECKING = "checking", _("being checked")
        CHECKED = "checked", _("checked")
        COMMITTING = "committing", _("being saved")
        DONE = "done", _("saved")
        FAILED = "failed", _("failed")

    system = models.CharField(_("older system"), max_length=10)
    filename = models.CharField(_("file"), max_length=200)
    size = models.PositiveBigIntegerField(_("size (bytes)"))
    sha256 = models.CharField(_("SHA-256"), max_length=64)
    stored_as = models.CharField(max_length=100, blank=True, editable=False)
    pieces = models.PositiveIntegerField(editable=False)
    report_as = models.CharField(max_length=100, blank=True, editable=False)
    term = CampusForeignKey(
        Term,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="legacy_moves",
        verbose_name=_("term"),
    )
    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.CHECKING
    )
    problem = models.CharField(_("problem"), max_length=500, blank=True)
    result = models.JSONField(_("result"), default=dict, blank=True)
    job = CampusForeignKey(
        Job,
        on_delete=models.SET_NULL,
        null=True,
        related_name="legacy_moves",
        verbose_name=_("job"),
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="legacy_moves",
        verbose_name=_("uploaded by"),
    )
    created_at = models.DateTimeField(_("uploaded"))
    finished_at = models.DateTimeField(_("saved at"), null=True, blank=True)

    class Meta:
        verbose_name = _("older system")
        verbose_name_plural = _("older systems")
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["checking", "checked", "committing", "done", "failed"]),
                name="legacy_move_status",
            ),
            models.UniqueConstraint(
                fields=["campus"],
                condition=Q(status__in=["checking", "committing"]),
                name="legacy_one_move_at_once",
            ),
        ]
        indexes = [models.Index(fields=["campus", "created_at"], name="legacy_move_created")]

    def __str__(self) -> str:
        return self.filename
