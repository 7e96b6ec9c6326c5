"""Check-in attempts: every one is a row, accepted or refused, with its reason."""

from datetime import datetime
from decimal import Decimal

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Device, Student
from apps.biometrics.models import StoredImage
from apps.common.constraints import Between, MomentInBounds
from apps.common.errors import Refusal
from apps.common.ids import TimeOrderedKey
from apps.qr_otp.models import Scan
from apps.qr_otp.problems import Problem
from apps.sessions.models import ClassSession
from apps.tenants.fields import CampusForeignKey
from apps.tenants.models import CampusModel


class Method(models.TextChoices):
    QR = "qr", _("QR code")
    TEXT = "text", _("text code")
    OTP = "otp", _("one-time code for one student")
    CLASS_CODE = "class_code", _("one-time code for the whole class")
    CARD = "card", _("card at a reader")
    KIOSK = "kiosk", _("one-time code typed at a kiosk")


class Outcome(models.TextChoices):
    PENDING = "pending", _("being settled")
    ACCEPTED = "accepted", _("accepted")
    REFUSED = "refused", _("refused")
    WAITING = "waiting", _("waiting for the lecturer")


class FaceState(models.TextChoices):
    NONE = "none", _("no selfie")
    PENDING = "pending", _("being compared")
    SETTLED = "settled", _("compared")


class Reason(Refusal):
    """Why a redeem or check-in was refused or waits. Documented in docs/check-in.md.

    With a status: what a redeem is answered with. The others are outcomes of a check-in.
    """

    NONE = "", ""
    MALFORMED = Problem.MALFORMED, 400, _("This is not a code of this platform.")
    FORGED = Problem.FORGED, 400, _("This code was not issued by this campus.")
    EXPIRED = Problem.EXPIRED, 410, _("This code has expired. Scan the one on the screen now.")
    WRONG_CODE = Problem.WRONG_CODE, 400, _("This code is not right.")
    TOO_MANY_TRIES = (
        Problem.TOO_MANY_TRIES,
        429,
        _("Too many wrong codes. Ask your lecturer to mark you."),
    )
    STAMP_EXPIRED = (
        Problem.STAMP_EXPIRED,
        410,
        _("Three minutes have passed since you scanned. Scan the code on the screen once more."),
    )
    SEEN_ELSEWHERE = (
        Problem.SEEN_ELSEWHERE,
        403,
        _(
            "This code was opened in another browser, another sign-in or another network. Scan it "
            "once more with this one."
        ),
    )
    NOT_OPEN = "session_not_open", 409, _("This session is not open.")
    TOO_EARLY = "check_in_too_early", _("It is too early to check in. Scan again later.")
    TOO_LATE = "check_in_too_late", _("It is too late to check in. Ask your lecturer to mark you.")
    NOT_ENROLLED = "not_enrolled", 403, _("You are not enrolled in this course.")
    OTHER_SIGN_IN = (
        "other_sign_in",
        403,
        _("You checked in with another phone or sign-in. Scan with that one."),
    )
    BAD_TICKET = "bad_ticket", 400, _("This ticket was not issued to you. Scan the code again.")
    TICKET_EXPIRED = "ticket_expired", _("The 90 seconds have passed. Scan the code again.")
    NO_DEVICE = "no_device", _("No device is bound to you yet. Bind this phone first.")
    OTHER_DEVICE = "other_device", _("You scanned with another device than the bound one.")
    PASSKEY_REQUIRED = "passkey_required", _("Confirm this check-in with your passkey.")
    PASSKEY_TOO_NEW = (
        "passkey_too_new",
        _("This passkey is too new. It counts when it is 48 hours old."),
    )
    SYNCED_PASSKEY = (
        "synced_passkey",
        _("This passkey may be on several devices. One that stays on your phone is needed."),
    )
    BAD_SIGNATURE = "bad_signature", _("The device's signature does not fit this check-in.")
    FACE_MISMATCH = "face_mismatch", _("The face is not the enrolled one.")
    SCORE_TOO_LOW = "score_too_low", _("Too little could be proven.")
    OTHER_SESSION = "other_session", _("This code belongs to another session.")
    OUTSIDE_SESSION = "outside_session", _("This code was not shown while the session was open.")
    TOO_OLD = "offline_too_old", _("More than 24 hours have passed. Ask your lecturer to mark you.")
    FROZEN = "register_frozen", _("The registers of this day are frozen. Ask the office.")
    COUNTER_USED = "counter_used", _("This check-in, or a later one of this phone, has arrived.")
    REPLAYED = "replayed_code", _("You have checked in with this code already.")
    WAS_ONLINE = (
        "was_online",
        _("You were online after this code was shown. Ask your lecturer to mark you."),
    )
    ENROLLED_PHOTO = "enrolled_photo", _("This is a photo that was enrolled. Take a new one.")
    OTHERS_PHOTO = "others_photo", _("Somebody else has sent this photo. Take one of yourself.")
    PHOTO_USED = "photo_used", _("You have sent this photo before. Take a new one.")
    PHOTO_TRIES = "photo_tries", _("Three photos were tried. Scan the code again.")
    NOT_LIVE = "not_live", _("No living face was seen. Show the head turns again.")
    LAPSED = "lapsed", _("Nobody confirmed this check-in in time.")
    DECLINED = "declined", _("Your lecturer did not accept this check-in.")
    DECIDED_ELSEWHERE = "decided_elsewhere", _("Another check-in of yours was decided on.")
    # Why a check-in waits for the lecturer.
    PLACE_UNPROVEN = (
        "place_unproven",
        _("Sent later, without proof of the place. It waits for your lecturer."),
    )
    OFTEN_OFFLINE = (
        "often_offline",
        _("Sent later more often than counts by itself. It waits for your lecturer."),
    )
    NO_PHOTO = "no_photo", _("A photo of your face is missing. It waits for your lecturer.")
    PHOTO_UNCLEAR = (
        "photo_unclear",
        _("Your face could not be compared. It waits for your lecturer."),
    )
    LIVE_UNCLEAR = (
        "live_unclear",
        _("Your head turns were not seen well enough. It waits for your lecturer."),
    )
    NO_PERSON = (
        "no_person",
        _("Your phone did not check that it is you. It waits for your lecturer."),
    )
    CARD_ALONE = "card_alone", _("A card alone is not enough here. It waits for your lecturer.")
    NOT_ENROLLED_FACE = (
        "face_not_enrolled",
        _("No face of yours is enrolled yet. It waits for your lecturer."),
    )


class CheckInAttempt(CampusModel):
    """What a student's phone sent and how it was judged.

    The same (student, nonce) always gets the first answer: a constraint makes a retry harmless.
    """

    id = TimeOrderedKey()
    session = CampusForeignKey(
        ClassSession,
        db_index=False,
        on_delete=models.PROTECT,
        related_name="attempts",
        verbose_name=_("session"),
    )
    student = CampusForeignKey(
        Student,
        db_index=False,
        on_delete=models.PROTECT,
        related_name="attempts",
        verbose_name=_("student"),
    )
    device = CampusForeignKey(
        Device,
        db_index=False,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("device"),
    )
    scan = CampusForeignKey(
        Scan,
        db_index=False,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("scan"),
    )
    selfie = CampusForeignKey(
        StoredImage,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("selfie"),
    )
    nonce = models.CharField(_("client nonce"), max_length=64)
    method = models.CharField(_("method"), max_length=10, choices=Method.choices)
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome.choices)
    reason = models.CharField(_("reason"), max_length=40, choices=Reason.choices, blank=True)
    score = models.DecimalField(_("score"), max_digits=3, decimal_places=2, default=Decimal("0.00"))
    factors = models.JSONField(_("factors"), default=dict)
    face_state = models.CharField(
        _("face"), max_length=10, choices=FaceState.choices, default=FaceState.NONE
    )
    # When the code was seen, from which lateness and delay count; redeemed later by a stamp.
    seen_at = models.DateTimeField(_("seen"), null=True, blank=True)
    redeemed_at = models.DateTimeField(_("redeemed"), null=True, blank=True)
    received_at = models.DateTimeField(_("received"))
    # When its comparison was asked for again; a lease, see `take_lost` of apps/tenants/tasks.py.
    queued_at = models.DateTimeField(_("queued again"), null=True, blank=True, editable=False)
    settled_at = models.DateTimeField(_("settled"), null=True, blank=True)
    # While it waits for the lecturer, until when; and who decided, where a person did.
    waits_until = models.DateTimeField(_("waits until"), null=True, blank=True)
    decided_by = models.CharField(_("decided by"), max_length=254, blank=True)
    # Of the photo as it is kept; it stays when the photo is deleted, so that nobody sends it again.
    photo_sha256 = models.CharField(_("SHA-256 of the selfie"), max_length=64, blank=True)
    photo_try = models.PositiveSmallIntegerField(_("photo of this ticket"), default=0)
    redeem_delay_ms = models.IntegerField(_("redeem delay (ms)"), null=True, blank=True)
    # Raw coordinates are dropped after 24 hours; the distance band in `factors` stays.
    latitude = models.DecimalField(
        _("latitude"), max_digits=10, decimal_places=8, null=True, blank=True
    )
    longitude = models.DecimalField(
        _("longitude"), max_digits=11, decimal_places=8, null=True, blank=True
    )
    accuracy_m = models.DecimalField(
        _("accuracy (m)"), max_digits=8, decimal_places=2, null=True, blank=True
    )
    bluetooth_rssi = models.SmallIntegerField(_("RSSI (dBm)"), null=True, blank=True)
    device_info = models.JSONField(_("device facts"), default=dict, blank=True)
    signed_by = CampusForeignKey(
        Device,
        db_index=False,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("signed by a classmate's device"),
    )
    # The passkey that signed it, somebody else's included, by its number in the sign-in library.
    passkey_id = models.BigIntegerField(_("passkey"), null=True, blank=True)
    passkey_counter = models.BigIntegerField(_("passkey's counter"), null=True, blank=True)
    passkey_synced = models.BooleanField(
        _("passkey may be copied"), default=False, db_default=False
    )
    # Of offline check-ins only. Counter and window are set once each, where they were not used
    # before: a replay is kept without them.
    offline = models.BooleanField(_("offline"), default=False)
    device_counter = models.BigIntegerField(_("device's counter"), null=True, blank=True)
    offline_window = models.BigIntegerField(_("window of the code"), null=True, blank=True)
    claimed_at = models.DateTimeField(_("time by the phone's clock"), null=True, blank=True)
    # Both are dropped after 30 days. The sign-in is the one that a rapid code must come from too.
    address = models.GenericIPAddressField(_("address"), null=True, blank=True)
    sign_in = models.CharField(_("sign-in"), max_length=16, blank=True, editable=False)

    class Meta:
        verbose_name = _("check-in attempt")
        verbose_name_plural = _("check-in attempts")
        ordering = ["-received_at"]
        constraints = [
            models.UniqueConstraint(fields=["campus", "student", "nonce"], name="attempt_nonce"),
            models.UniqueConstraint(
                fields=["campus", "device", "device_counter"], name="attempt_device_counter"
            ),
            models.UniqueConstraint(
                fields=["campus", "session", "student", "offline_window"],
                name="attempt_offline_window",
            ),
            models.CheckConstraint(condition=Q(score__range=(0, 1)), name="attempt_score"),
            models.CheckConstraint(
                condition=Q(outcome__in=Outcome.values), name="attempt_outcome_known"
            ),
            models.CheckConstraint(
                condition=~Q(outcome="waiting") | Q(waits_until__isnull=False),
                name="attempt_waits_until",
            ),
            Between(field="latitude", name="attempt_latitude", low=-90, high=90),
            Between(field="longitude", name="attempt_longitude", low=-180, high=180),
            Between(field="accuracy_m", name="attempt_accuracy", low=0),
            Between(field="bluetooth_rssi", name="attempt_rssi", low=-120, high=0),
            Between(field="device_counter", name="attempt_counter", low=0),
            Between(field="passkey_id", name="attempt_passkey", low=0),
            Between(field="passkey_counter", name="attempt_passkey_counter", low=0),
            MomentInBounds(field="claimed_at", name="attempt_claimed_at"),
        ]
        indexes = [
            models.Index(fields=["campus", "session", "received_at"], name="attempt_session"),
            models.Index(fields=["campus", "student", "received_at"], name="attempt_student"),
            models.Index(
                fields=["campus", "received_at"],
                condition=Q(outcome="pending"),
                name="attempt_pending",
            ),
            models.Index(
                fields=["campus", "waits_until"],
                condition=Q(outcome="waiting"),
                name="attempt_waiting",
            ),
            models.Index(
                fields=["campus", "photo_sha256"],
                condition=~Q(photo_sha256=""),
                name="attempt_photo",
            ),
            models.Index(
                fields=["campus", "received_at"],
                condition=Q(latitude__isnull=False),
                name="attempt_with_coordinates",
            ),
            models.Index(
                fields=["campus", "received_at"],
                condition=Q(address__isnull=False),
                name="attempt_with_address",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.student_id}: {self.get_outcome_display()}"

    @property
    def scanned_at(self) -> datetime:
        """When the code was seen; of one that was typed, when it was redeemed."""
        return self.seen_at or self.redeemed_at or self.received_at
