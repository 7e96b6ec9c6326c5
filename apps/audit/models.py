"""The tamper-evident event log. Entries and seals are written once: the database grants no more."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.tenants.fields import CampusForeignKey
from apps.tenants.models import CampusModel


class Entry(CampusModel):
    """One thing that somebody did. The actor is an id and a label, so erasure cannot break it."""

    at = models.DateTimeField(_("at"))
    actor_id = models.CharField(_("actor id"), max_length=64, blank=True)
    actor_label = models.CharField(_("actor"), max_length=254)
    address = models.GenericIPAddressField(_("address"), null=True, blank=True)
    user_agent = models.CharField(_("user agent"), max_length=300, blank=True)
    action = models.CharField(_("action"), max_length=100)
    target_type = models.CharField(_("kind of object"), max_length=100, blank=True)
    target_id = models.CharField(_("object id"), max_length=64, blank=True)
    data = models.JSONField(_("data"), default=dict)
    mac = models.BinaryField(_("MAC"), max_length=32, editable=False)

    class Meta:
        db_table = "audit_entry"
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["campus", "at"], name="audit_entry_at"),
            models.Index(fields=["campus", "target_type", "target_id"], name="audit_entry_target"),
            models.Index(fields=["campus", "actor_id", "at"], name="audit_entry_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.target_type} {self.target_id}".strip()


class Seal(CampusModel):
    """The place of one entry in the campus's chain: link n is a MAC over link n-1 and entry n."""

    position = models.BigIntegerField(_("position"))
    entry = CampusForeignKey(Entry, db_index=False, on_delete=models.PROTECT, related_name="+")
    link = models.BinaryField(_("link"), max_length=32, editable=False)

    class Meta:
        db_table = "audit_seal"
        verbose_name = _("audit seal")
        verbose_name_plural = _("audit seals")
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["campus", "position"], name="audit_seal_position"),
            models.UniqueConstraint(fields=["campus", "entry"], name="audit_seal_entry"),
        ]

    def __str__(self) -> str:
        return str(self.position)
