"""SAML: federations that publish providers, and the campus's own keys."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.common.constraints import Named
from apps.identity_providers.problems import MetadataProblem
from apps.tenants.models import TimestampedModel
from apps.tenants.published_keys import PublishedKey


class MetadataSource(TimestampedModel):
    """A federation's signed metadata: one document of all its providers, or one for each (MDQ).

    `problem`: why the last reading failed; what was read before holds until its own end.
    """

    class Kind(models.TextChoices):
        AGGREGATE = "aggregate", _("one document with all providers")
        MDQ = "mdq", _("a service that is asked for each (MDQ)")

    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("kind"), max_length=9, choices=Kind.choices, default=Kind.AGGREGATE)
    address = models.CharField(
        _("address"),
        max_length=500,
        help_text=_(
            "Of the document, or the base address of the service: “entities/…” is added to it."
        ),
    )
    certificates = models.TextField(
        _("the signer's certificate"),
        max_length=20_000,
        help_text=_(
            "As the federation publishes it, in PEM. Compare its fingerprint. While the "
            "federation changes its key: both."
        ),
    )
    read_at = models.DateTimeField(_("read"), null=True, blank=True, editable=False)
    valid_until = models.DateTimeField(_("valid until"), null=True, blank=True, editable=False)
    problem = models.CharField(
        _("problem"), max_length=10, choices=MetadataProblem.choices, blank=True, editable=False
    )

    class Meta:
        verbose_name = _("federation")
        verbose_name_plural = _("federations")
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["campus", "name"], name="metadata_source_name"),
            models.CheckConstraint(
                condition=Q(kind__in=["aggregate", "mdq"]), name="metadata_source_kind"
            ),
            Named(field="name", name="metadata_source_named"),
            Named(field="address", name="metadata_source_addressed"),
        ]

    def __str__(self) -> str:
        return self.name


class SamlKey(PublishedKey):
    """A key by which the campus signs what it asks of SAML providers, and reads what they encrypt.

    Its certificate stands in the campus's metadata.
    """

    SEAL = "saml-key"

    certificate = models.TextField(_("certificate"), editable=False)

    class Meta(PublishedKey.Meta):
        verbose_name = _("key for SAML providers")
        verbose_name_plural = _("keys for SAML providers")
