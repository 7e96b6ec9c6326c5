"""The tamper-evident event log. Its rows are written once: the database grants no more.

Each campus has a log and a chain of its own; what is done outside every campus has the platform's.
"""

from typing import Final

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.common.crypto import PLATFORM
from apps.common.ids import TimeOrderedKey
from apps.tenants.fields import CampusForeignKey
from apps.tenants.models import Campus, CampusModel


class EntryFields(models.Model):
    """One thing that somebody did. The actor is an id and a label, so erasure cannot break it."""

    id = TimeOrderedKey()
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
        abstract = True

    def __str__(self) -> str:
        return f"{self.action} {self.target_type} {self.target_id}".strip()


class SealFields(models.Model):
    """The place of one entry in its chain: link n is a MAC over link n-1 and entry n."""

    position = models.BigIntegerField(_("position"))
    link = models.BinaryField(_("link"), max_length=32, editable=False)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return str(self.position)


class BadEntryFields(models.Model):
    """An entry that did not fit its MAC: it stays in the log, named, and outside the chain."""

    found_at = models.DateTimeField(_("found"))

    class Meta:
        abstract = True


class RedactionFields(models.Model):
    """That names were taken out of an entry when somebody was erased.

    The entry keeps its MAC and so its place in the chain. `content_sha256` is of what it said at
    first, for the chain of digests; `mac` vouches for what it says now. Redacted again, an entry
    has a further row, and the newest counts.
    """

    id = TimeOrderedKey()
    at = models.DateTimeField(_("at"))
    content_sha256 = models.BinaryField(_("SHA-256 of the content"), max_length=32, editable=False)
    mac = models.BinaryField(_("MAC"), max_length=32, editable=False)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return str(self.pk)


class Entry(CampusModel, EntryFields):
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


class Seal(CampusModel, SealFields):
    entry = CampusForeignKey(Entry, db_index=False, on_delete=models.PROTECT, related_name="+")

    class Meta:
        db_table = "audit_seal"
        verbose_name = _("audit seal")
        verbose_name_plural = _("audit seals")
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["campus", "position"], name="audit_seal_position"),
            models.UniqueConstraint(fields=["campus", "entry"], name="audit_seal_entry"),
        ]


class BadEntry(CampusModel, BadEntryFields):
    entry = CampusForeignKey(Entry, db_index=False, on_delete=models.PROTECT, related_name="+")

    class Meta:
        db_table = "audit_bad_entry"
        verbose_name = _("audit entry put aside")
        verbose_name_plural = _("audit entries put aside")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["campus", "entry"], name="audit_bad_entry_once")
        ]

    def __str__(self) -> str:
        return str(self.entry_id)


class Redaction(CampusModel, RedactionFields):
    entry = CampusForeignKey(Entry, db_index=False, on_delete=models.PROTECT, related_name="+")

    class Meta:
        db_table = "audit_redaction"
        verbose_name = _("redaction of an audit entry")
        verbose_name_plural = _("redactions of audit entries")
        ordering = ["id"]
        indexes = [models.Index(fields=["campus", "entry"], name="audit_redaction_entry")]


class PlatformEntry(EntryFields):
    """What was done outside every campus, and to what belongs to none."""

    campus_id: Final = PLATFORM  # stands in the MAC where a campus's id does

    class Meta:
        db_table = "audit_platform_entry"
        verbose_name = _("audit entry of the platform")
        verbose_name_plural = _("audit entries of the platform")
        ordering = ["-id"]
        indexes = [models.Index(fields=["at"], name="audit_platform_entry_at")]


class PlatformSeal(SealFields):
    entry = models.OneToOneField(PlatformEntry, on_delete=models.PROTECT, related_name="+")

    class Meta:
        db_table = "audit_platform_seal"
        verbose_name = _("audit seal of the platform")
        verbose_name_plural = _("audit seals of the platform")
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["position"], name="audit_platform_seal_position")
        ]


class PlatformBadEntry(BadEntryFields):
    entry = models.OneToOneField(PlatformEntry, on_delete=models.PROTECT, related_name="+")

    class Meta:
        db_table = "audit_platform_bad_entry"
        verbose_name = _("audit entry of the platform put aside")
        verbose_name_plural = _("audit entries of the platform put aside")
        ordering = ["-id"]

    def __str__(self) -> str:
        return str(self.entry_id)


class PlatformRedaction(RedactionFields):
    entry = models.ForeignKey(PlatformEntry, on_delete=models.PROTECT, related_name="+")

    class Meta:
        db_table = "audit_platform_redaction"
        verbose_name = _("redaction of an audit entry of the platform")
        verbose_name_plural = _("redactions of audit entries of the platform")
        ordering = ["id"]


class Root(models.Model):
    """The state of one chain on one day (UTC), signed; copies of it are kept elsewhere.

    `head` is a SHA-256 over everything up to `position` (`apps.audit.digests`): anyone who holds a
    root can check an export without the database and without the master key.
    """

    campus = models.ForeignKey(
        Campus,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("campus"),
        help_text=_("Empty: the platform's own chain."),
    )
    chain = models.CharField(_("chain"), max_length=50)
    day = models.DateField(_("day"))
    position = models.BigIntegerField(_("entries"))
    head = models.BinaryField(_("head"), max_length=32, editable=False)
    set_aside = models.PositiveIntegerField(_("put aside"))
    previous = models.BinaryField(_("root before"), max_length=32, editable=False)
    made_at = models.DateTimeField(_("made"))
    public_key = models.BinaryField(_("public key"), max_length=32, editable=False)
    signature = models.BinaryField(_("signature"), max_length=64, editable=False)

    class Meta:
        db_table = "audit_root"
        verbose_name = _("audit root")
        verbose_name_plural = _("audit roots")
        ordering = ["-day", "chain"]
        constraints = [
            models.UniqueConstraint(
                fields=["campus", "day"], name="audit_root_once_a_day", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return f"{self.chain} {self.day}"


class RootCopy(models.Model):
    """That a root was written to a place outside the database."""

    root = models.ForeignKey(Root, on_delete=models.PROTECT, related_name="copies")
    place = models.CharField(_("place"), max_length=20)
    written_at = models.DateTimeField(_("written"))

    class Meta:
        db_table = "audit_root_copy"
        verbose_name = _("copy of an audit root")
        verbose_name_plural = _("copies of audit roots")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["root", "place"], name="audit_root_copy_once")
        ]

    def __str__(self) -> str:
        return f"{self.root_id}: {self.place}"
