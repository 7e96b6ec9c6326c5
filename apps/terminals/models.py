"""Cards of students, the readers that read them, and every punch of a card with what it came to."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Student
from apps.classrooms.models import Classroom
from apps.common.constraints import MomentInBounds, Named
from apps.common.ids import TimeOrderedKey
from apps.sessions.models import ClassSession
from apps.tenants.fields import CampusForeignKey
from apps.tenants.models import CampusModel, TimestampedModel
from apps.terminals.reasons import PunchReason


class CardKey(CampusModel):
    """The campus's own 32 random bytes under which card numbers are hashed, sealed.

    Numbers of cards are short and could be tried out, so a plain hash would hide none; and what is
    hashed under the master key itself could not be renewed when that is replaced.
    """

    sealed_key = models.BinaryField(_("key"), editable=False)
    created_at = models.DateTimeField(_("made"))

    class Meta:
        verbose_name = _("key of cards")
        verbose_name_plural = _("keys of cards")
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["campus"], name="card_key_one")]

    def __str__(self) -> str:
        return str(self._meta.verbose_name)


class Card(CampusModel):
    """A card of a student, or the number under which a reader knows them.

    The number is kept nowhere: `digest` is its HMAC-SHA-256 under the campus's `CardKey`. A card
    that is given to somebody else is revoked first; punches of before stay its first owner's.
    """

    class Kind(models.TextChoices):
        CARD = "card", _("card")
        PIN = "pin", _("number of the person in the reader")

    student = CampusForeignKey(
        Student,
        db_index=False,
        on_delete=models.CASCADE,
        related_name="cards",
        verbose_name=_("student"),
    )
    kind = models.CharField(_("kind"), max_length=4, choices=Kind.choices, default=Kind.CARD)
    digest = models.BinaryField(_("hash"), max_length=32, editable=False)
    added_at = models.DateTimeField(_("added"))
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)

    class Meta:
        verbose_name = _("card")
        verbose_name_plural = _("cards")
        ordering = ["-added_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["campus", "digest"], condition=Q(revoked_at=None), name="card_one_owner"
            ),
            models.CheckConstraint(condition=Q(kind__in=["card", "pin"]), name="card_kind"),
            MomentInBounds(field="revoked_at", name="card_revoked_at"),
        ]
        indexes = [
            models.Index(fields=["campus", "student"], name="card_student"),
            models.Index(fields=["campus", "digest"], name="card_digest"),
        ]

    def __str__(self) -> str:
        return f"{self.student_id}: {self.get_kind_display()}"


class CardTerminal(TimestampedModel):
    """A reader of cards in one room, a kiosk that ends with its session, or the kiosk of a room.

    `lookup` finds the row by its token, `digest` proves it: the SHA-256 of 256 random bits. A
    drift is the reader's clock minus ours when it last said what time it has. `opening_digest` is
    the SHA-256 of the code that makes a browser the kiosk of this room, once, until `opens_until`.
    """

    class Kind(models.TextChoices):
        REST = "rest", _("REST")
        ADMS = "adms", _("ZKTeco (ADMS)")
        HIKVISION = "hikvision", _("Hikvision (ISAPI)")
        KIOSK = "kiosk", _("kiosk")
        ROOM_KIOSK = "room_kiosk", _("kiosk of a room")

    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices, default=Kind.REST)
    classroom = CampusForeignKey(
        Classroom,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="terminals",
        verbose_name=_("classroom"),
        help_text=_("Where it hangs: its punches are of the sessions in this room."),
    )
    session = CampusForeignKey(
        ClassSession,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="kiosks",
        verbose_name=_("session"),
    )
    serial_number = models.CharField(
        _("serial number"),
        max_length=64,
        blank=True,
        help_text=_("Of ZKTeco readers, as it stands on the housing or in their menu."),
    )
    network = models.CharField(
        _("network"),
        max_length=50,
        blank=True,
        help_text=_(
            "For ZKTeco readers that can neither be given a path nor a key: the only address or "
            "network that is believed, such as 192.0.2.7 or 192.0.2.0/24."
        ),
    )
    lookup = models.CharField(_("beginning of the token"), max_length=16, editable=False)
    digest = models.BinaryField(_("SHA-256"), max_length=32, editable=False)
    is_active = models.BooleanField(_("active"), default=True)
    heard_at = models.DateTimeField(_("last heard of"), null=True, blank=True, editable=False)
    drift_seconds = models.IntegerField(
        _("its clock is ahead by (s)"), null=True, blank=True, editable=False
    )
    stamp = models.CharField(
        _("how far its log was sent"), max_length=20, blank=True, editable=False
    )
    ends_at = models.DateTimeField(_("ends"), null=True, blank=True, editable=False)
    opening_digest = models.BinaryField(
        _("SHA-256 of the opening code"), max_length=32, null=True, editable=False
    )
    opens_until = models.DateTimeField(
        _("can be opened until"), null=True, blank=True, editable=False
    )

    class Meta:
        verbose_name = _("terminal")
        verbose_name_plural = _("terminals")
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["campus", "lookup"], name="terminal_lookup"),
            models.UniqueConstraint(
                fields=["campus", "serial_number"],
                condition=~Q(serial_number=""),
                name="terminal_serial_number",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["rest", "adms", "hikvision", "kiosk", "room_kiosk"]),
                name="terminal_kind",
            ),
            models.CheckConstraint(
                condition=Q(kind="kiosk", session__isnull=False, ends_at__isnull=False)
                | Q(~Q(kind="kiosk"), session__isnull=True, classroom__isnull=False),
                name="terminal_place",
            ),
            models.CheckConstraint(
                condition=Q(opening_digest__isnull=True, opens_until__isnull=True)
                | Q(kind="room_kiosk", opening_digest__isnull=False, opens_until__isnull=False),
                name="terminal_opening",
            ),
            models.CheckConstraint(
                condition=~Q(kind="adms") | ~Q(serial_number=""), name="terminal_adms_serial"
            ),
            Named(field="name", name="terminal_named"),
        ]

    def __str__(self) -> str:
        return self.name


class Punch(CampusModel):
    """One punch as a terminal sent it, and what became of it. The same (terminal, key) is one row.

    Life: waiting (its session is not open yet) → counted, or queued for a person with its reason →
    counted or put aside. `noted` ones need nobody: the student was there already. `at` is `read_at`
    corrected by the drift of the reader's clock. `attempt_id` is the check-in that it became.
    """

    class Status(models.TextChoices):
        WAITING = "waiting", _("waits for its session to be opened")
        COUNTED = "counted", _("counted")
        NOTED = "noted", _("nothing to decide")
        QUEUED = "queued", _("to be decided")
        ASIDE = "aside", _("put aside")

    id = TimeOrderedKey()
    terminal = CampusForeignKey(
        CardTerminal,
        db_index=False,
        on_delete=models.PROTECT,
        related_name="punches",
        verbose_name=_("terminal"),
    )
    key = models.CharField(_("number in the terminal"), max_length=100)
    digest = models.BinaryField(_("hash of the card"), max_length=32, editable=False)
    student = CampusForeignKey(
        Student,
        db_index=False,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="punches",
        verbose_name=_("student"),
    )
    session = CampusForeignKey(
        ClassSession,
        db_index=False,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="punches",
        verbose_name=_("session"),
    )
    read_at = models.DateTimeField(_("time by the reader's clock"))
    at = models.DateTimeField(_("read"))
    drift_seconds = models.IntegerField(_("the clock was ahead by (s)"), null=True, blank=True)
    received_at = models.DateTimeField(_("received"))
    status = models.CharField(_("status"), max_length=10, choices=Status.choices)
    reason = models.CharField(_("reason"), max_length=20, choices=PunchReason.choices, blank=True)
    attempt_id = models.UUIDField(_("attempt"), null=True, blank=True)
    decided_by = models.CharField(_("decided by"), max_length=254, blank=True)
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)

    class Meta:
        verbose_name = _("punch")
        verbose_name_plural = _("punches")
        ordering = ["-at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["campus", "terminal", "key"], name="punch_once"),
            models.CheckConstraint(
                condition=Q(status__in=["waiting", "counted", "noted", "queued", "aside"]),
                name="punch_status",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["queued", "noted"]) | ~Q(reason=""), name="punch_reasoned"
            ),
            models.CheckConstraint(
                condition=~Q(status="counted") | Q(attempt_id__isnull=False), name="punch_counted"
            ),
            MomentInBounds(field="read_at", name="punch_read_at"),
            MomentInBounds(field="at", name="punch_at"),
        ]
        indexes = [
            models.Index(fields=["campus", "student", "at"], name="punch_student"),
            models.Index(fields=["campus", "session"], name="punch_session"),
            models.Index(fields=["campus", "at"], name="punch_moment"),
            models.Index(
                fields=["campus", "status", "at"],
                condition=Q(status__in=["waiting", "queued"]),
                name="punch_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.terminal_id}: {self.key}"
