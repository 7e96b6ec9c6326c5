"""When an account was last heard of, minute by minute, for a day: asked by offline check-ins."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.tenants.models import CampusModel


class OnlineMinute(CampusModel):
    """The last request of an account in one minute. Kept for 25 hours.

    `opening`: it only signed in, renewed its token or sent what it had kept, as a phone does that
    comes back from a place without network. No foreign key: it outlives nobody, and it is asked
    for by number.
    """

    user_id = models.BigIntegerField(_("account"))
    minute = models.BigIntegerField(_("minute since the Unix epoch"))
    opening = models.BooleanField(_("came back"), default=False)
    heard_at = models.DateTimeField(_("heard"))

    class Meta:
        verbose_name = _("minute online")
        verbose_name_plural = _("minutes online")
        ordering = ["-heard_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["campus", "user_id", "minute", "opening"], name="online_minute_unique"
            )
        ]
        indexes = [models.Index(fields=["campus", "minute"], name="online_minute_minute")]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.heard_at:%H:%M:%S}"
