"""The challenge of one-second codes: phones that see the screen keep up with it."""

from typing import Final

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.sessions.models import ClassSession
from apps.tenants.fields import CampusForeignKey
from apps.tenants.models import CampusModel

CHALLENGE_CODES: Final = 5  # of one second each


class RapidCodeChallenge(CampusModel):
    """Five codes of one second each. Windows count seconds from the Unix epoch.

    Who redeemed which of them stands in the scan log; the outcome becomes a finding per student.
    """

    session = CampusForeignKey(
        ClassSession,
        db_index=False,
        on_delete=models.PROTECT,
        related_name="challenges",
        verbose_name=_("session"),
    )
    first_window = models.BigIntegerField(_("first window"))
    started_at = models.DateTimeField(_("started"))
    started_by = models.CharField(_("started by"), max_length=254)
    settled_at = models.DateTimeField(_("settled"), null=True, blank=True)
    is_void = models.BooleanField(
        _("void"),
        default=False,
        help_text=_("Fewer than half of the class passed: it does not count."),
    )

    class Meta:
        verbose_name = _("rapid-code challenge")
        verbose_name_plural = _("rapid-code challenges")
        ordering = ["-first_window"]
        constraints = [
            models.UniqueConstraint(
                fields=["campus", "session", "first_window"], name="challenge_unique"
            )
        ]

    def __str__(self) -> str:
        return f"{self.session_id}: {self.first_window}"

    @property
    def windows(self) -> range:
        """The windows of its codes."""
        return range(self.first_window, self.first_window + CHALLENGE_CODES)
