"""What class representatives told their classes."""

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Student
from apps.common.constraints import Named
from apps.enrollments.models import Section
from apps.notifications.models import Message
from apps.tenants.fields import CampusForeignKey
from apps.tenants.models import CampusModel


class Announcement(CampusModel):
    """One broadcast of a representative to the section they were in when they sent it.

    How far it got is read from the outbox: see `selectors.with_status`.
    """

    class Status(models.TextChoices):
        SENDING = "sending", _("being sent")
        SUCCESS = "success", _("sent to all")
        PARTIAL = "partial", _("sent to some")
        FAILED = "failed", _("sent to none")

    sender = CampusForeignKey(
        Student,
        db_index=False,
        on_delete=models.CASCADE,
        related_name="announcements",
        verbose_name=_("class representative"),
    )
    section = CampusForeignKey(
        Section, on_delete=models.PROTECT, related_name="announcements", verbose_name=_("section")
    )
    outbox = CampusForeignKey(
        Message, on_delete=models.PROTECT, related_name="+", verbose_name=_("message sent")
    )
    title = models.CharField(_("title"), max_length=255)
    message = models.TextField(_("message"))
    recipient_count = models.PositiveIntegerField(
        _("recipients"), validators=[MinValueValidator(1)]
    )
    nonce = models.CharField(_("nonce"), max_length=64, editable=False)
    sent_at = models.DateTimeField(_("sent"))

    class Meta:
        verbose_name = _("announcement")
        verbose_name_plural = _("announcements")
        ordering = ["-sent_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["campus", "sender", "nonce"], name="announcement_nonce"
            ),
            models.CheckConstraint(
                condition=Q(recipient_count__gte=1), name="announcement_recipients"
            ),
            Named(field="title", name="announcement_title"),
        ]
        indexes = [
            models.Index(fields=["campus", "sender", "-sent_at"], name="announcement_own"),
        ]

    def __str__(self) -> str:
        return self.title
