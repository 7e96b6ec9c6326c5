"""People of a campus: students, faculty, contacts, and the devices that students bound."""

import uuid

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Concat, Lower, Trim
from django.utils.translation import gettext_lazy as _

from apps.accounts.models.users import User
from apps.common.constraints import Between, DayInBounds, Named
from apps.common.model_fields import NumberTextField, PhoneField
from apps.tenants.fields import CampusForeignKey
from apps.tenants.models import CampusModel, TimestampedModel

phone_validator = RegexValidator(
    r"^\+[1-9][0-9]{6,14}$", _("International number with country code, like +4915112345678.")
)
code_validator = RegexValidator(
    r"^[\w][\w./\-]*$", _("Letters, digits and . / - _ only, starting with a letter or digit.")
)


class Person(TimestampedModel):
    """What students and faculty share."""

    uuid = models.UUIDField(default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        User,
        db_index=False,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="%(class)s_profiles",
        verbose_name=_("sign-in"),
    )
    first_name = models.CharField(_("first name"), max_length=100)
    last_name = models.CharField(_("last name"), max_length=100, blank=True)
    full_name = models.GeneratedField(
        expression=Trim(Concat(F("first_name"), Value(" "), F("last_name"))),
        output_field=models.CharField(max_length=201),
        db_persist=True,
        verbose_name=_("name"),
    )
    email = models.EmailField(_("e-mail"), max_length=254)
    phone = PhoneField(_("phone"), max_length=16, blank=True, validators=[phone_validator])
    is_active = models.BooleanField(_("active"), default=True)

    class Meta(TimestampedModel.Meta):
        abstract = True

    def __str__(self) -> str:
        return self.full_name or f"{self.first_name} {self.last_name}".strip()


class Student(Person):
    """A student of this campus, whether or not they can sign in yet."""

    code = NumberTextField(
        _("student number"), max_length=50, validators=[code_validator], help_text="N210595"
    )
    year_of_study = models.PositiveSmallIntegerField(
        _("year of study"), null=True, blank=True, validators=[MinValueValidator(1)]
    )
    program = models.CharField(_("programme"), max_length=100, blank=True)
    age = models.PositiveSmallIntegerField(
        _("age"), null=True, blank=True, validators=[MaxValueValidator(130)]
    )
    is_representative = models.BooleanField(
        _("class representative"), default=False, help_text=_("May write to the own class.")
    )
    representative_mobile = PhoneField(
        _("mobile as representative"), max_length=16, blank=True, validators=[phone_validator]
    )

    class Meta(Person.Meta):
        verbose_name = _("student")
        verbose_name_plural = _("students")
        ordering = ["code"]
        constraints = [
            models.UniqueConstraint("campus", Lower("code"), name="student_code_unique"),
            models.UniqueConstraint("campus", Lower("email"), name="student_email_unique"),
            models.UniqueConstraint(fields=["user", "campus"], name="student_user_unique"),
            models.UniqueConstraint(fields=["uuid", "campus"], name="student_uuid_unique"),
            models.CheckConstraint(
                condition=Q(year_of_study__isnull=True) | Q(year_of_study__gte=1),
                name="student_year_of_study",
            ),
            Named(field="code", name="student_code"),
            Named(field="first_name", name="student_first_name"),
            Between(field="age", name="student_age", high=130),
        ]
        indexes = [
            models.Index(fields=["campus", "is_active", "code"], name="student_active"),
            models.Index(fields=["campus", "full_name"], name="student_name"),
        ]


class Faculty(Person):
    """Somebody who teaches on this campus."""

    code = NumberTextField(_("faculty number"), max_length=50, validators=[code_validator])
    department = models.CharField(_("department"), max_length=100, blank=True)

    class Meta(Person.Meta):
        verbose_name = _("faculty member")
        verbose_name_plural = _("faculty")
        ordering = ["code"]
        constraints = [
            models.UniqueConstraint("campus", Lower("code"), name="faculty_code_unique"),
            models.UniqueConstraint("campus", Lower("email"), name="faculty_email_unique"),
            models.UniqueConstraint(
                fields=["campus", "phone"], condition=~Q(phone=""), name="faculty_phone_unique"
            ),
            models.UniqueConstraint(fields=["user", "campus"], name="faculty_user_unique"),
            models.UniqueConstraint(fields=["uuid", "campus"], name="faculty_uuid_unique"),
            Named(field="code", name="faculty_code"),
            Named(field="first_name", name="faculty_first_name"),
        ]
        indexes = [models.Index(fields=["campus", "full_name"], name="faculty_name")]


class Device(CampusModel):
    """A phone (or browser) whose non-exportable key is bound to one student.

    At most one active device per student and one student per key: the database says so.
    """

    class Kind(models.TextChoices):
        ANDROID = "android", "Android"
        IOS = "ios", "iOS"
        WEB = "web", _("web browser")

    student = CampusForeignKey(
        Student, on_delete=models.CASCADE, related_name="devices", verbose_name=_("student")
    )
    device_uuid = models.CharField(_("device id"), max_length=255)
    public_key = models.BinaryField(
        _("public key"), max_length=200, editable=False, help_text=_("P-256, SPKI, DER.")
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    name = models.CharField(_("name"), max_length=100, blank=True)
    model = models.CharField(_("model"), max_length=100, blank=True)
    os_version = models.CharField(_("system version"), max_length=50, blank=True)
    app_version = models.CharField(_("app version"), max_length=20, blank=True)
    push_token = models.TextField(_("push token"), blank=True)
    # The cookie by which the server knows the browser again: one student each.
    browser = models.CharField(
        _("browser"), max_length=64, blank=True, db_default="", editable=False
    )
    biometric_enabled = models.BooleanField(_("biometrics enabled"), default=False)
    location_permission = models.BooleanField(_("location allowed"), default=False)
    bluetooth_permission = models.BooleanField(_("Bluetooth allowed"), default=False)
    is_active = models.BooleanField(_("active"), default=True)
    bound_at = models.DateTimeField(_("bound"))
    last_seen_at = models.DateTimeField(_("last seen"))
    released_at = models.DateTimeField(_("released"), null=True, blank=True)
    rebind_requested_at = models.DateTimeField(
        _("another device asked for"),
        null=True,
        blank=True,
        help_text=_("48 hours later the student may bind another one in its place."),
    )

    bound_by_passkey = models.BooleanField(
        _("bound by a passkey"),
        default=False,
        db_default=False,
        help_text=_("In the place of a lost one, without the 48 hours."),
    )

    class Meta:
        verbose_name = _("device")
        verbose_name_plural = _("devices")
        ordering = ["-bound_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["campus", "student"], condition=Q(is_active=True), name="device_one_active"
            ),
            models.UniqueConstraint(
                fields=["campus", "device_uuid"],
                condition=Q(is_active=True),
                name="device_uuid_unique",
            ),
            models.UniqueConstraint(
                fields=["campus", "public_key"],
                condition=Q(is_active=True),
                name="device_key_unique",
            ),
            models.UniqueConstraint(
                fields=["campus", "browser"],
                condition=Q(is_active=True) & ~Q(browser=""),
                name="device_browser_unique",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["android", "ios", "web"]), name="device_kind"
            ),
        ]
        indexes = [models.Index(fields=["campus", "last_seen_at"], name="device_last_seen")]

    def __str__(self) -> str:
        return self.name or self.model or self.get_kind_display()


class Contact(TimestampedModel):
    """A guardian or adviser whom a student's attendance may be told to.

    Told only while active, and only where the campus wants that at all
    (`notifications.CampusMessages`). Who agreed to it, and when, is part of the row.
    """

    class Relation(models.TextChoices):
        GUARDIAN = "guardian", _("guardian")
        ADVISER = "adviser", _("adviser")

    student = CampusForeignKey(
        Student,
        db_index=False,
        on_delete=models.CASCADE,
        related_name="contacts",
        verbose_name=_("student"),
    )
    name = models.CharField(_("name"), max_length=200)
    relation = models.CharField(_("relation"), max_length=10, choices=Relation.choices)
    email = models.EmailField(_("e-mail"), max_length=254, blank=True)
    phone = PhoneField(
        _("phone"),
        max_length=16,
        blank=True,
        validators=[phone_validator],
        help_text=_("For SMS, where there is no e-mail address."),
    )
    language = models.CharField(_("language"), max_length=10, blank=True)
    consented_on = models.DateField(_("agreed on"))
    consent_note = models.CharField(
        _("who agreed, and how"),
        max_length=300,
        help_text=_("For example: the student, on the enrolment form."),
    )
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("contact")
        verbose_name_plural = _("contacts")
        ordering = ["student_id", "name", "pk"]
        constraints = [
            models.UniqueConstraint(
                "campus",
                "student",
                Lower("email"),
                condition=~Q(email=""),
                name="contact_email_unique",
            ),
            models.CheckConstraint(
                condition=Q(relation__in=["guardian", "adviser"]), name="contact_relation"
            ),
            models.CheckConstraint(
                condition=~Q(email="", phone=""),
                name="contact_reachable",
                violation_error_message=_("Give an e-mail address or a telephone number."),
            ),
            Named(field="name", name="contact_name"),
            DayInBounds(field="consented_on", name="contact_consented_on"),
        ]
        indexes = [models.Index(fields=["campus", "student"], name="contact_student")]

    def __str__(self) -> str:
        return f"{self.name} ({self.get_relation_display()})"
