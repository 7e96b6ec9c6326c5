"""Registers for a data warehouse: what a campus gives, each export, what was deleted."""

import uuid
from typing import Final

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.jobs.models import Job
from apps.tenants.fields import CampusForeignKey
from apps.tenants.models import CampusModel, TimestampedModel

EXPORT_REGISTERS: Final = "registers.export"  # its job
KEY_LENGTH: Final = 40


class WarehouseSetting(TimestampedModel):
    """What this campus exports of its registers, and where to. Nothing without this row.

    `target` is one of the places that the operator names (`REGISTER_EXPORT_TARGETS`). Under
    `sealed_key`, 32 random bytes of the campus, people get their pseudonyms.
    """

    class People(models.TextChoices):
        PSEUDONYMS = "pseudonyms", _("pseudonyms alone")
        NUMBERS = "numbers", _("pseudonyms and numbers")
        NAMES = "names", _("pseudonyms, numbers and names")

    class Format(models.TextChoices):
        CSV = "csv", "CSV"
        PARQUET = "parquet", "Parquet"

    target = models.CharField(
        _("place"), max_length=50, help_text=_("One of those that the operator has named.")
    )
    people = models.CharField(
        _("people"), max_length=10, choices=People.choices, default=People.PSEUDONYMS
    )
    file_format = models.CharField(
        _("format"), max_length=7, choices=Format.choices, default=Format.CSV
    )
    school_number = models.PositiveIntegerField(
        _("Ed-Fi school number"),
        null=True,
        blank=True,
        help_text=_("With it, attendance is also written as Ed-Fi events. Empty: it is not."),
    )
    is_nightly = models.BooleanField(
        _("every night"), default=False, help_text=_("What changed since the last export.")
    )
    sealed_key = models.BinaryField(_("key of the pseudonyms"), editable=False)

    class Meta:
        verbose_name = _("export of registers")
        verbose_name_plural = _("exports of registers")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["campus"], name="warehouse_one"),
            models.CheckConstraint(
                condition=Q(people__in=["pseudonyms", "numbers", "names"]), name="warehouse_people"
            ),
            models.CheckConstraint(
                condition=Q(file_format__in=["csv", "parquet"]), name="warehouse_format"
            ),
        ]

    def __str__(self) -> str:
        return str(self._meta.verbose_name)


class RegisterExport(CampusModel):
    """One export: from which change on (`since`; None: everything) until when, and its manifest.

    Its folder at the place is named after `id`.
    """

    class Status(models.TextChoices):
        RUNNING = "running", _("being written")
        WRITTEN = "written", _("written")
        FAILED = "failed", _("failed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    target = models.CharField(_("place"), max_length=50)
    people = models.CharField(_("people"), max_length=10, choices=WarehouseSetting.People.choices)
    file_format = models.CharField(
        _("format"), max_length=7, choices=WarehouseSetting.Format.choices
    )
    school_number = models.PositiveIntegerField(_("Ed-Fi school number"), null=True, blank=True)
    since = models.DateTimeField(_("changes since"), null=True, blank=True)
    until = models.DateTimeField(_("until"))
    status = models.CharField(
        _("status"), max_length=7, choices=Status.choices, default=Status.RUNNING
    )
    manifest = models.JSONField(_("manifest"), default=dict, blank=True)
    problem = models.CharField(_("problem"), max_length=500, blank=True)
    job = CampusForeignKey(
        Job,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("job"),
    )
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    class Meta:
        verbose_name = _("written export")
        verbose_name_plural = _("written exports")
        ordering = ["-until", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["running", "written", "failed"]),
                name="register_export_status",
            ),
            models.CheckConstraint(
                condition=Q(people__in=["pseudonyms", "numbers", "names"]),
                name="register_export_people",
            ),
            models.CheckConstraint(
                condition=Q(file_format__in=["csv", "parquet"]), name="register_export_format"
            ),
        ]
        indexes = [models.Index(fields=["campus", "until"], name="register_export_until")]

    def __str__(self) -> str:
        return f"{self.until:%Y-%m-%d %H:%M}"


class DeletedRow(CampusModel):
    """That a row of an exported table is gone: its table, its key, when. Written by triggers."""

    source = models.CharField(_("table"), max_length=63)
    key = models.CharField(_("key"), max_length=KEY_LENGTH)
    deleted_at = models.DateTimeField(_("deleted"))

    class Meta:
        verbose_name = _("deleted row")
        verbose_name_plural = _("deleted rows")
        ordering = ["id"]
        indexes = [models.Index(fields=["campus", "deleted_at"], name="deleted_row_at")]

    def __str__(self) -> str:
        return f"{self.source} {self.key}"
