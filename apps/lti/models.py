"""Learning platforms in which this campus is a tool (LTI 1.3), and what is connected with them."""

import uuid
from decimal import Decimal
from typing import Final

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Student
from apps.common.constraints import Between, Named
from apps.enrollments.models import Course
from apps.tenants.fields import CampusForeignKey
from apps.tenants.models import CampusModel, TimestampedModel
from apps.tenants.published_keys import PublishedKey

ADDRESS_LENGTH: Final = 500
NAME_LENGTH: Final = 255  # LTI 1.3 §5.3: at most 255 characters for ids


class LtiPlatform(TimestampedModel):
    """A platform that may send people here: its ids and addresses, as its administrator reads them.

    Unlike a secret none of it is confidential: the platform signs, and its key is at `jwks_url`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=100)
    issuer = models.CharField(
        _("issuer"), max_length=NAME_LENGTH, help_text=_("Also “platform id”: https://…")
    )
    client_id = models.CharField(_("client id"), max_length=NAME_LENGTH)
    deployment_ids = ArrayField(
        models.CharField(max_length=NAME_LENGTH),
        verbose_name=_("deployment ids"),
        help_text=_("Separated by commas. Launches of other deployments are refused."),
    )
    auth_login_url = models.CharField(
        _("authentication request address"), max_length=ADDRESS_LENGTH
    )
    token_url = models.CharField(_("access token address"), max_length=ADDRESS_LENGTH)
    jwks_url = models.CharField(_("public keyset address"), max_length=ADDRESS_LENGTH)
    token_audience = models.CharField(
        _("audience of token requests"),
        max_length=ADDRESS_LENGTH,
        blank=True,
        help_text=_("Only where the platform names one; else the access token address."),
    )
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("learning platform")
        verbose_name_plural = _("learning platforms")
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["campus", "issuer", "client_id"], name="lti_platform_unique"
            ),
            Named(field="name", name="lti_platform_named"),
            Named(field="issuer", name="lti_platform_issuer"),
            Named(field="client_id", name="lti_platform_client"),
        ]

    def __str__(self) -> str:
        return self.name


class LtiRegistration(CampusModel):
    """A link by which one platform registers itself (LTI Dynamic Registration 1.0).

    Of the link only the SHA-256 of its secret part is kept: 256 random bits need no slow hash.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=100, help_text=_("Of the platform, as here."))
    digest = models.BinaryField(_("SHA-256"), max_length=32, editable=False)
    created_at = models.DateTimeField(_("made"))
    expires_at = models.DateTimeField(_("good until"))
    used_at = models.DateTimeField(_("used"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)

    class Meta:
        verbose_name = _("registration link")
        verbose_name_plural = _("registration links")
        ordering = ["-created_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["campus", "digest"], name="lti_registration_digest"),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("created_at")), name="lti_registration_expires"
            ),
            Named(field="name", name="lti_registration_named"),
        ]

    def __str__(self) -> str:
        return self.name


class LtiKey(PublishedKey):
    """A key by which the campus signs its requests to platforms. `id` is its name (`kid`)."""

    SEAL = "lti-key"

    public_jwk = models.JSONField(_("public key"), editable=False)

    class Meta(PublishedKey.Meta):
        verbose_name = _("key for learning platforms")
        verbose_name_plural = _("keys for learning platforms")


class LtiLink(TimestampedModel):
    """A course of a platform ("context") that is one of our courses, and what it is sent.

    Scores are compared at `next_run_at`; after a failure that concerns all of them later and later.
    While a worker sends, `lease` names its hold.
    """

    class Scores(models.TextChoices):
        NONE = "none", _("nothing is sent")
        PERCENTAGE = "percentage", _("the percentage, of 100")
        POINTS = "points", _("points by percentage")
        THRESHOLD = "threshold", _("all points from a percentage on, else none")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    platform = CampusForeignKey(
        LtiPlatform,
        db_index=False,
        on_delete=models.CASCADE,
        related_name="links",
        verbose_name=_("learning platform"),
    )
    context_id = models.CharField(_("id there"), max_length=NAME_LENGTH)
    context_title = models.CharField(_("course there"), max_length=NAME_LENGTH, blank=True)
    course = CampusForeignKey(
        Course, on_delete=models.CASCADE, related_name="lti_links", verbose_name=_("course")
    )
    memberships_url = models.CharField(
        _("address of its members"), max_length=ADDRESS_LENGTH, blank=True, editable=False
    )
    line_items_url = models.CharField(
        _("address of its grade columns"), max_length=ADDRESS_LENGTH, blank=True, editable=False
    )
    line_item_url = models.CharField(
        _("address of our grade column"), max_length=ADDRESS_LENGTH, blank=True, editable=False
    )
    scores = models.CharField(
        _("attendance as a grade"), max_length=12, choices=Scores.choices, default=Scores.NONE
    )
    points = models.DecimalField(
        _("points"), max_digits=6, decimal_places=2, default=Decimal(10), help_text=_("At most.")
    )
    threshold = models.DecimalField(
        _("from (%)"), max_digits=5, decimal_places=2, default=Decimal(75)
    )
    drop_lowest = models.PositiveSmallIntegerField(
        _("missed sessions that do not count"), default=0
    )
    next_run_at = models.DateTimeField(_("next comparison"), null=True, blank=True)
    lease = models.UUIDField(_("lease"), null=True, blank=True, editable=False)
    failures = models.PositiveSmallIntegerField(_("failures in a row"), default=0, editable=False)
    failing_since = models.DateTimeField(_("failing since"), null=True, blank=True, editable=False)
    error = models.CharField(_("error"), max_length=300, blank=True, editable=False)

    class Meta:
        verbose_name = _("course on a learning platform")
        verbose_name_plural = _("courses on learning platforms")
        ordering = ["course_id", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["campus", "platform", "context_id"], name="lti_link_unique"
            ),
            models.CheckConstraint(
                condition=Q(scores__in=["none", "percentage", "points", "threshold"]),
                name="lti_link_scores",
            ),
            Between(field="points", name="lti_link_points", low=0, high=1000),
            Between(field="threshold", name="lti_link_threshold", low=0, high=100),
            Between(field="drop_lowest", name="lti_link_drop_lowest", high=100),
        ]
        indexes = [
            models.Index(
                fields=["campus", "next_run_at"],
                condition=~Q(scores="none"),
                name="lti_link_due",
            ),
        ]

    def __str__(self) -> str:
        return self.context_title or self.context_id


class LtiPerson(CampusModel):
    """Which student of ours somebody on a platform is: one each way."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    platform = CampusForeignKey(
        LtiPlatform,
        db_index=False,
        on_delete=models.CASCADE,
        related_name="people",
        verbose_name=_("learning platform"),
    )
    subject = models.CharField(_("id there"), max_length=NAME_LENGTH)
    student = CampusForeignKey(
        Student, on_delete=models.CASCADE, related_name="lti_people", verbose_name=_("student")
    )
    connected_at = models.DateTimeField(_("connected"))

    class Meta:
        verbose_name = _("student on a learning platform")
        verbose_name_plural = _("students on learning platforms")
        ordering = ["-connected_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["campus", "platform", "subject"], name="lti_person_subject"
            ),
            models.UniqueConstraint(
                fields=["campus", "platform", "student"], name="lti_person_student"
            ),
            Named(field="subject", name="lti_person_named"),
        ]

    def __str__(self) -> str:
        return self.subject


class LtiScore(CampusModel):
    """What the platform knows of one student's attendance in one linked course.

    `score` and `maximum` are what was sent last (`score` None: cleared). Where the platform refused
    a score, `refused` says which ("score/maximum") and `error` why; it is not sent again until it
    is another one or a person asks.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    link = CampusForeignKey(
        LtiLink,
        db_index=False,
        on_delete=models.CASCADE,
        related_name="sent_scores",
        verbose_name=_("course on a learning platform"),
    )
    student = CampusForeignKey(
        Student, on_delete=models.CASCADE, related_name="lti_scores", verbose_name=_("student")
    )
    subject = models.CharField(_("id there"), max_length=NAME_LENGTH)
    score = models.DecimalField(_("score"), max_digits=6, decimal_places=2, null=True, blank=True)
    maximum = models.DecimalField(_("of"), max_digits=6, decimal_places=2, null=True, blank=True)
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)
    refused = models.CharField(_("refused"), max_length=40, blank=True)
    error = models.CharField(_("error"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("score on a learning platform")
        verbose_name_plural = _("scores on learning platforms")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["campus", "link", "student"], name="lti_score_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.score}/{self.maximum}"
