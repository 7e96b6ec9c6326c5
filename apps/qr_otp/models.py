"""Codes for an opaque (purpose, subject): rotating QR secrets, one-time codes, and the scan log."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.common.ids import TimeOrderedKey
from apps.tenants.models import CampusModel


class QrSecret(CampusModel):
    """The secret behind one rotating QR code, sealed under the campus's key."""

    purpose = models.CharField(_("purpose"), max_length=30)
    subject = models.CharField(_("subject"), max_length=60)
    sealed_secret = models.BinaryField(_("sealed secret"), editable=False)
    created_at = models.DateTimeField(_("created"))
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)

    class Meta:
        verbose_name = _("QR secret")
        verbose_name_plural = _("QR secrets")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["campus", "purpose", "subject"], name="qr_secret_subject"
            )
        ]

    def __str__(self) -> str:
        return f"{self.purpose} {self.subject}"


class OneTimeCode(CampusModel):
    """A six-digit code, kept as a keyed hash. `ended_at` is set when used, replaced or expired."""

    purpose = models.CharField(_("purpose"), max_length=30)
    subject = models.CharField(_("subject"), max_length=60)
    code_hash = models.BinaryField(_("keyed hash"), max_length=32, editable=False)
    single_use = models.BooleanField(_("single use"), default=True)
    created_at = models.DateTimeField(_("created"))
    expires_at = models.DateTimeField(_("expires"))
    used_at = models.DateTimeField(_("used"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(_("failed attempts"), default=0)
    address = models.GenericIPAddressField(_("address"), null=True, blank=True)
    user_agent = models.CharField(_("user agent"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("one-time code")
        verbose_name_plural = _("one-time codes")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["campus", "purpose", "subject"],
                condition=Q(ended_at__isnull=True),
                name="one_time_code_live_subject",
            ),
            models.UniqueConstraint(
                fields=["campus", "purpose", "code_hash"],
                condition=Q(ended_at__isnull=True),
                name="one_time_code_live_hash",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=models.F("created_at")), name="one_time_code_expires"
            ),
        ]
        indexes = [models.Index(fields=["campus", "expires_at"], name="one_time_code_expiry")]

    def __str__(self) -> str:
        return f"{self.purpose} {self.subject}"


class Tries(CampusModel):
    """Failed tries of one person on one subject. A new code does not reset them."""

    purpose = models.CharField(_("purpose"), max_length=30)
    subject = models.CharField(_("subject"), max_length=60)
    who = models.CharField(_("who"), max_length=60)
    count = models.PositiveSmallIntegerField(_("count"), default=0)
    last_at = models.DateTimeField(_("last failure"))

    class Meta:
        verbose_name = _("failed tries")
        verbose_name_plural = _("failed tries")
        ordering = ["-last_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["campus", "purpose", "subject", "who"], name="tries_unique"
            )
        ]

    def __str__(self) -> str:
        return f"{self.who}: {self.count}"


class Scan(CampusModel):
    """One redeemed or refused code: the scan log. An accepted one is the ground of a ticket."""

    id = TimeOrderedKey()
    purpose = models.CharField(_("purpose"), max_length=30)
    subject = models.CharField(_("subject"), max_length=60, blank=True)
    scanner = models.CharField(_("scanner"), max_length=60)
    method = models.CharField(_("method"), max_length=10)
    window = models.BigIntegerField(_("window"), null=True, blank=True)
    accepted = models.BooleanField(_("accepted"))
    reason = models.CharField(_("reason"), max_length=40, blank=True)
    at = models.DateTimeField(_("at"))
    delay_ms = models.IntegerField(
        _("delay (ms)"), null=True, blank=True, help_text=_("From the start of the code's window.")
    )
    address = models.GenericIPAddressField(_("address"), null=True, blank=True)

    class Meta:
        verbose_name = _("scan")
        verbose_name_plural = _("scans")
        ordering = ["-at"]
        indexes = [
            models.Index(fields=["campus", "purpose", "subject", "at"], name="scan_subject"),
            models.Index(fields=["campus", "scanner", "at"], name="scan_scanner"),
            models.Index(fields=["campus", "at"], name="scan_at"),
            models.Index(
                fields=["campus", "at"],
                condition=Q(address__isnull=False),
                name="scan_with_address",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subject} {self.window}"
