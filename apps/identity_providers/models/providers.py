"""Identity providers of a campus, who came in by them, and who never has to."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Role, User
from apps.common.constraints import Named
from apps.identity_providers.models.federations import MetadataSource
from apps.identity_providers.problems import MetadataProblem
from apps.tenants.fields import CampusForeignKey
from apps.tenants.models import CampusModel, TimestampedModel, validate_email_domains


def every_role() -> list[str]:
    return list(Role.values)


class IdentityProvider(TimestampedModel):
    """A provider that says who people of this campus are, and of whom it is believed.

    `issuer` is its entityID and `client_id` ours where it speaks SAML. `rules`: one a line,
    `role: claim = value` (see `claims.rules_of`). `entity`: what its SAML metadata said when it was
    read last (`saml.entities.Entity`), and `problem` why it could not be read since.
    """

    class Protocol(models.TextChoices):
        OPENID = "openid", _("OpenID Connect")
        SAML = "saml", _("SAML 2.0")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(
        _("name"), max_length=100, help_text=_("As people know it: it stands on the button.")
    )
    protocol = models.CharField(
        _("protocol"),
        max_length=6,
        choices=Protocol.choices,
        default=Protocol.OPENID,
        db_default=Protocol.OPENID,
    )
    issuer = models.CharField(
        _("issuer"),
        max_length=500,
        help_text=_(
            "Exactly as the provider writes it. Microsoft: https://login.microsoftonline.com/"
            "TENANT/v2.0; Google: https://accounts.google.com. SAML: the entityID."
        ),
    )
    client_id = models.CharField(
        _("client id"),
        max_length=255,
        help_text=_("SAML: our own entityID; empty: the address of our metadata."),
    )
    sealed_secret = models.BinaryField(_("secret"), null=True, blank=True, editable=False)
    scopes = models.CharField(_("scopes"), max_length=300, default="openid email profile")
    number_claim = models.CharField(
        _("claim with the number"),
        max_length=200,
        blank=True,
        help_text=_(
            "The student or faculty number, such as employeeNumber. A dot leads into an object."
        ),
    )
    email_claim = models.CharField(
        _("claim with the e-mail address"), max_length=200, blank=True, default="email"
    )
    trusts_email = models.BooleanField(
        _("its addresses are right"),
        default=False,
        help_text=_(
            "Believe an address without “email_verified”. Only where nobody can change the own "
            "address there: Microsoft Entra does not send the claim."
        ),
    )
    email_domains = models.JSONField(
        _("e-mail domains"),
        default=list,
        blank=True,
        validators=[validate_email_domains],
        help_text=_("For which it speaks. Empty: all of the campus."),
    )
    roles = ArrayField(
        models.CharField(max_length=10, choices=Role.choices),
        default=every_role,
        verbose_name=_("signs in"),
        help_text=_("People with one of these roles on this campus."),
    )
    rules = models.TextField(
        _("rules"),
        blank=True,
        max_length=5000,
        help_text=_(
            "One a line: “faculty: groups = staff”. With rules, people come in only by a role that "
            "one of them gives and that they have here."
        ),
    )
    makes_students = models.BooleanField(
        _("makes students"),
        default=False,
        help_text=_(
            "Somebody unknown, with a number and an address of the domains, becomes a student. "
            "Otherwise only people whom the campus has entered come in."
        ),
    )
    accepts_multi_factor = models.BooleanField(
        _("its second factor counts"),
        default=False,
        help_text=_(
            "Who has a second factor here is not asked for it, where the provider says that it "
            "asked for one itself."
        ),
    )
    multi_factor_acr = models.CharField(
        _("“acr” of a second factor"),
        max_length=500,
        blank=True,
        help_text=_("Values, with spaces between, beside “mfa” in “amr”."),
    )
    only_roles = ArrayField(
        models.CharField(max_length=10, choices=Role.choices),
        default=list,
        blank=True,
        verbose_name=_("only by a provider"),
        help_text=_(
            "People with one of these roles no longer come in by password, passkey or Google; "
            "emergency accounts do. The apps for phones need a password so far."
        ),
    )
    source = CampusForeignKey(
        MetadataSource,
        null=True,
        blank=True,
        db_index=False,
        on_delete=models.PROTECT,
        related_name="providers",
        verbose_name=_("federation"),
        help_text=_("That publishes this provider."),
    )
    metadata_url = models.CharField(
        _("address of its metadata"),
        max_length=500,
        blank=True,
        db_default="",
        help_text=_("Without a federation: where the provider publishes its metadata itself."),
    )
    metadata_text = models.TextField(
        _("its metadata"),
        max_length=200_000,
        blank=True,
        db_default="",
        help_text=_("With neither: pasted. Keys that change have to be pasted again."),
    )
    subject_claim = models.CharField(
        _("claim with the lasting id"),
        max_length=200,
        blank=True,
        db_default="",
        help_text=_(
            "Empty: pairwise-id, else subject-id, else a persistent NameID. It must never be given "
            "to somebody else."
        ),
    )
    allows_unsolicited = models.BooleanField(
        _("may begin sign-ins"),
        default=False,
        db_default=False,
        help_text=_(
            "Take answers that no browser asked for here, from a portal of the provider. Others "
            "can then lead a browser into their own account."
        ),
    )
    entity = models.JSONField(_("metadata as read"), null=True, blank=True, editable=False)
    entity_read_at = models.DateTimeField(_("read"), null=True, blank=True, editable=False)
    problem = models.CharField(
        _("problem"),
        max_length=10,
        choices=MetadataProblem.choices,
        blank=True,
        db_default="",
        editable=False,
    )
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("identity provider")
        verbose_name_plural = _("identity providers")
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["campus", "name"], name="identity_provider_name"),
            models.UniqueConstraint(
                fields=["campus", "issuer", "client_id"], name="identity_provider_client"
            ),
            Named(field="name", name="identity_provider_named"),
            Named(field="issuer", name="identity_provider_issued"),
            Named(field="client_id", name="identity_provider_known"),
            models.CheckConstraint(
                condition=Q(protocol__in=["openid", "saml"]), name="identity_provider_protocol"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_saml(self) -> bool:
        return self.protocol == self.Protocol.SAML


class ProviderLink(TimestampedModel):
    """That a provider's subject is this person here, since their first sign-in by it.

    One for each person: a second provider cannot speak for somebody who comes in by the first.
    """

    provider = CampusForeignKey(
        IdentityProvider,
        db_index=False,
        on_delete=models.CASCADE,
        related_name="links",
        verbose_name=_("identity provider"),
    )
    issuer = models.CharField(_("issuer"), max_length=500)
    subject = models.CharField(_("subject"), max_length=255)
    user = models.ForeignKey(
        User,
        db_index=False,
        on_delete=models.CASCADE,
        related_name="+",
        verbose_name=_("person"),
    )
    last_used_at = models.DateTimeField(_("last used"))

    class Meta:
        verbose_name = _("person of a provider")
        verbose_name_plural = _("people of providers")
        ordering = ["-last_used_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["campus", "provider", "issuer", "subject"], name="provider_link_subject"
            ),
            models.UniqueConstraint(fields=["user", "campus"], name="provider_link_person"),
            models.CheckConstraint(condition=~Q(subject=""), name="provider_link_has_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.provider}"


class ProviderName(CampusModel):
    """By which name a SAML provider will ask to sign this person out; kept for 60 days.

    `digest`: SHA-256 of the NameID, which is another one at each sign-in with many providers.
    """

    provider = CampusForeignKey(
        IdentityProvider,
        db_index=False,
        on_delete=models.CASCADE,
        related_name="names",
        verbose_name=_("identity provider"),
    )
    digest = models.BinaryField(_("SHA-256"), max_length=32, editable=False)
    user = models.ForeignKey(
        User,
        on_delete=models.CASCADE,
        related_name="+",
        verbose_name=_("person"),
    )
    last_used_at = models.DateTimeField(_("last used"))

    class Meta:
        verbose_name = _("name for signing out")
        verbose_name_plural = _("names for signing out")
        ordering = ["-last_used_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["campus", "provider", "digest"], name="provider_name_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.provider}"


class EmergencyAccount(TimestampedModel):
    """Somebody who comes in without a provider, whatever the campus asks of their role."""

    user = models.ForeignKey(
        User,
        db_index=False,
        on_delete=models.CASCADE,
        related_name="+",
        verbose_name=_("person"),
    )
    note = models.CharField(
        _("why"), max_length=200, help_text=_("For example: when the provider is down.")
    )

    class Meta:
        verbose_name = _("emergency account")
        verbose_name_plural = _("emergency accounts")
        ordering = ["user_id"]
        constraints = [
            models.UniqueConstraint(fields=["user", "campus"], name="emergency_account_once"),
        ]

    def __str__(self) -> str:
        return str(self.user)
