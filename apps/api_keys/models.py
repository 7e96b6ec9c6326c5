"""Keys by which scripts use the REST interface in the name of a person."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.common.constraints import Named
from apps.tenants.models import CampusModel


class ApiKey(CampusModel):
    """One key of one person on one campus: it may do what they may, or only read.

    The key itself is shown once. `lookup` is the part of it by which the row is found, `digest` the
    SHA-256 of the rest: 256 random bits need no slow hash.
    """

    class Scope(models.TextChoices):
        READ = "read", _("read only")
        WRITE = "write", _("read and change")

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="+",
        verbose_name=_("person"),
    )
    name = models.CharField(_("name"), max_length=100)
    scope = models.CharField(_("may"), max_length=5, choices=Scope.choices)
    lookup = models.CharField(_("beginning"), max_length=16, editable=False)
    digest = models.BinaryField(_("SHA-256"), max_length=32, editable=False)
    created_at = models.DateTimeField(_("made"))
    expires_at = models.DateTimeField(_("good until"))
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["campus", "lookup"], name="api_key_lookup"),
            models.CheckConstraint(condition=Q(scope__in=["read", "write"]), name="api_key_scope"),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("created_at")), name="api_key_expires"
            ),
            Named(field="name", name="api_key_named"),
        ]
        indexes = [models.Index(fields=["campus", "user"], name="api_key_user")]

    def __str__(self) -> str:
        return self.name
