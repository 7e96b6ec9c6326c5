"""Uploaded spreadsheets: what was sent, what a dry run said, what was saved."""

from typing import Final

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.jobs.models import Job
from apps.tenants.fields import CampusForeignKey
from apps.tenants.models import CampusModel

CHECK: Final = "imports.check"  # its two jobs
COMMIT: Final = "imports.commit"


class ImportRun(CampusModel):
    """One upload on its way: checked (a dry run), looked at, committed."""

    class Status(models.TextChoices):
        CHECKING = "checking", _("being checked")
        CHECKED = "checked", _("checked")
        COMMITTING = "committing", _("being saved")
        DONE = "done", _("saved")
        FAILED = "failed", _("failed")

    kind = models.CharField(_("kind"), max_length=20)
    filename = models.CharField(_("file"), max_length=200)
    size = models.PositiveIntegerField(_("size (bytes)"))
    sha256 = models.CharField(_("SHA-256"), max_length=64)
    stored_as = models.CharField(max_length=100, blank=True, editable=False)
    marked_as = models.CharField(max_length=100, blank=True, editable=False)
    options = models.JSONField(_("options"), default=dict, blank=True)
    mapping = models.JSONField(
        _("columns"), default=dict, blank=True, help_text=_("Heading in the file → our column.")
    )
    headings = models.JSONField(_("headings found"), default=list, blank=True)
    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.CHECKING
    )
    problem = models.CharField(_("problem"), max_length=500, blank=True)
    result = models.JSONField(_("result"), default=dict, blank=True)
    problems = models.JSONField(_("wrong rows"), default=list, blank=True)
    answers = models.JSONField(
        _("answers"), default=dict, db_default={}, blank=True, help_text=_("Given for this file.")
    )
    questions = models.JSONField(_("questions"), default=list, db_default=[], blank=True)
    job = CampusForeignKey(
        Job, on_delete=models.SET_NULL, null=True, related_name="imports", verbose_name=_("job")
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="imports",
        verbose_name=_("uploaded by"),
    )
    created_at = models.DateTimeField(_("uploaded"))
    finished_at = models.DateTimeField(_("saved at"), null=True, blank=True)

    class Meta:
        verbose_name = _("spreadsheet")
        verbose_name_plural = _("spreadsheets")
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["checking", "checked", "committing", "done", "failed"]),
                name="import_status",
            )
        ]
        indexes = [models.Index(fields=["campus", "created_at"], name="import_created")]

    def __str__(self) -> str:
        return self.filename


class ImportAnswer(CampusModel):
    """What somebody said about files of a kind; the next one that asks the same is read so."""

    kind = models.CharField(_("kind"), max_length=20)
    key = models.CharField(_("question"), max_length=100)
    value = models.CharField(_("answer"), max_length=200)
    text = models.CharField(_("what was asked"), max_length=500)
    label = models.CharField(_("what was answered"), max_length=500)
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="import_answers",
        verbose_name=_("answered by"),
    )
    answered_at = models.DateTimeField(_("answered"))

    class Meta:
        verbose_name = _("answer about spreadsheets")
        verbose_name_plural = _("answers about spreadsheets")
        ordering = ["kind", "key"]
        constraints = [
            models.UniqueConstraint(fields=["campus", "kind", "key"], name="import_answer_once")
        ]

    def __str__(self) -> str:
        return f"{self.text} {self.label}"
