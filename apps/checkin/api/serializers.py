"""Input of the check-in, bounded and typed; and what students and lecturers get back."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.checkin.explanation import explain, factor_lines
from apps.checkin.factors.base import BeaconReading, Fix
from apps.checkin.models import CheckInAttempt, Outcome, Reason
from apps.checkin.waiting_rules import tries_left
from apps.common.digits import CodeField
from apps.common.fields import LARGEST_ID, MomentField
from apps.common.inputs import Input
from apps.common.strict_json import UnreadableJSON, loads
from apps.common.texts import NONCE
from apps.liveness.api.frames import asked_turns, frame_files, frame_texts, named_frames
from apps.qr_otp.tokens import MAX_LINK
from apps.signin.api.assertions import AssertionInput, assertion_of
from apps.signin.assertions import Assertion

MAX_EVIDENCE = 16 * 1024  # characters
MAX_BEACONS = 50
MAX_FACTS = 20


class RedeemInput(Input):
    """One of: `token` (the scanned text: a link, or the token in it), `stamp` (of the page that the
    link leads to), or `session` with `text_code` or `one_time_code`."""

    token = serializers.CharField(required=False, max_length=MAX_LINK)
    stamp = serializers.CharField(required=False, max_length=1000)
    session = serializers.IntegerField(required=False, min_value=1, max_value=LARGEST_ID)
    text_code = serializers.CharField(required=False, max_length=20)
    one_time_code = CodeField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        typed = ("text_code" in attrs) + ("one_time_code" in attrs)
        scanned = ("token" in attrs) + ("stamp" in attrs)
        if scanned:
            if scanned > 1 or typed or "session" in attrs:
                raise serializers.ValidationError(_("Send one of token, stamp and typed code."))
        elif typed != 1 or "session" not in attrs:
            raise serializers.ValidationError(
                _("Send a token, a stamp, or a session with a text_code or a one_time_code.")
            )
        return attrs


class TicketOutput(serializers.Serializer):
    ticket = serializers.CharField(
        help_text=_("Good for 90 seconds, for this student, device and sign-in.")
    )
    expires_at = MomentField()
    session = serializers.IntegerField()
    turns = asked_turns()


class FixInput(Input):
    """Degrees, metres, seconds."""

    latitude = serializers.DecimalField(
        max_digits=18, decimal_places=15, min_value=-90, max_value=90
    )
    longitude = serializers.DecimalField(
        max_digits=18, decimal_places=15, min_value=-180, max_value=180
    )
    accuracy_m = serializers.FloatField(min_value=0.0, max_value=100_000)
    age_s = serializers.FloatField(min_value=0.0, max_value=86_400)

    def validate_accuracy_m(self, value: float) -> float:
        if value == 0:
            raise serializers.ValidationError(_("No receiver is exact to 0 metres."))
        return value


class BeaconInput(Input):
    identifier = serializers.CharField(max_length=100)
    rssi = serializers.IntegerField(min_value=-120, max_value=0)


class ProofsInput(Input):
    """What every check-in may prove, online or offline."""

    nonce = serializers.RegexField(NONCE)
    location = FixInput(required=False, allow_null=True)
    beacons = serializers.ListField(
        child=BeaconInput(), required=False, allow_null=True, max_length=MAX_BEACONS
    )
    selfie_sha256 = serializers.RegexField(r"^[0-9a-f]{64}$", required=False, allow_null=True)
    device_info = serializers.DictField(child=serializers.CharField(max_length=100), required=False)

    def validate_device_info(self, value: dict[str, str]) -> dict[str, str]:
        if len(value) > MAX_FACTS:
            raise serializers.ValidationError(_("Too many facts."))
        return value


class EvidenceInput(ProofsInput):
    """The JSON text that the device signs."""

    ticket = serializers.CharField(max_length=1000)
    frames = named_frames()


EVIDENCE = EvidenceInput()


def read_evidence(text: str, reader: serializers.Serializer) -> dict[str, Any]:
    """The signed JSON text, read; with the very bytes that were signed as "message"."""
    try:
        parsed = loads(text)
    except UnreadableJSON as error:
        raise serializers.ValidationError(error.message, error.code) from error
    return {**reader.run_validation(parsed), "message": text.encode()}


@extend_schema_field(AssertionInput)
class AssertionField(serializers.Field[Assertion, Any, Any, Any]):
    """A passkey's assertion over the evidence; in multipart as JSON text."""

    def to_internal_value(self, data: Any) -> Assertion | None:  # type: ignore[override]
        try:
            parsed = loads(data) if isinstance(data, str) else data
        except UnreadableJSON as error:
            raise serializers.ValidationError(error.message, error.code) from error
        return assertion_of(ASSERTION.run_validation(parsed))


ASSERTION = AssertionInput()


class CheckInInput(Input):
    """Multipart, or JSON with the selfie in base64.

    `evidence` is sent as text, because the device signs exactly these bytes (UTF-8).
    """

    evidence = serializers.CharField(max_length=MAX_EVIDENCE, trim_whitespace=False)
    signature = serializers.CharField(
        max_length=200,
        required=False,
        help_text=_("Base64, ECDSA P-256 SHA-256. May be left out where an assertion proves it."),
    )
    assertion = AssertionField(required=False, allow_null=True)
    selfie = serializers.FileField(required=False, allow_null=True)
    frames = frame_files()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs.get("signature") and not attrs.get("assertion"):
            raise serializers.ValidationError(
                {"signature": _("Send a signature or an assertion.")}, "required"
            )
        return attrs

    def validate_evidence(self, value: str) -> dict[str, Any]:
        return read_evidence(value, EVIDENCE)


class CheckInJson(CheckInInput):
    selfie = serializers.CharField(required=False, allow_null=True, max_length=12 * 1024 * 1024)  # type: ignore[assignment]
    frames = frame_texts()


def fix_of(evidence: dict[str, Any]) -> Fix | None:
    location = evidence.get("location")
    return Fix(**location) if location else None


def beacons_of(evidence: dict[str, Any]) -> tuple[BeaconReading, ...] | None:
    """None when the phone did not scan at all, which differs from having heard nothing."""
    readings = evidence.get("beacons")
    return None if readings is None else tuple(BeaconReading(**reading) for reading in readings)


class FactorOutput(serializers.Serializer):
    passed = serializers.BooleanField(allow_null=True)
    confidence = serializers.FloatField()
    weight = serializers.FloatField()
    points = serializers.FloatField()
    reason = serializers.CharField()
    detail = serializers.DictField()


class FactorLine(serializers.Serializer):
    factor = serializers.CharField()
    name = serializers.CharField()
    passed = serializers.BooleanField(allow_null=True)
    said = serializers.CharField(help_text=_("What was found when it was not proven, else empty."))
    advice = serializers.CharField(help_text=_("What would make it better; may be empty."))


class AttemptOutput(serializers.ModelSerializer):
    """The attempt with its score explained factor by factor."""

    outcome = serializers.ChoiceField(choices=Outcome.choices)
    reason = serializers.CharField()
    message = serializers.SerializerMethodField()
    factors = serializers.DictField(child=FactorOutput())
    score = serializers.FloatField()
    explanation = serializers.SerializerMethodField()
    lines = serializers.SerializerMethodField()
    photo_tries_left = serializers.SerializerMethodField(
        help_text=_("Take another photo and send it with the same ticket, so many times.")
    )

    class Meta:
        model = CheckInAttempt
        fields = [
            "id",
            "session",
            "outcome",
            "reason",
            "message",
            "score",
            "explanation",
            "lines",
            "face_state",
            "photo_tries_left",
            "waits_until",
            "method",
            "offline",
            "factors",
            "seen_at",
            "redeemed_at",
            "received_at",
            "settled_at",
        ]

    def get_message(self, attempt: CheckInAttempt) -> str:
        return str(Reason(attempt.reason).label) if attempt.reason else ""

    def get_photo_tries_left(self, attempt: CheckInAttempt) -> int:
        return tries_left(attempt)

    def get_explanation(self, attempt: CheckInAttempt) -> str:
        """The score in one line for the student, in the reader's language."""
        return explain(attempt)

    @extend_schema_field(FactorLine(many=True))
    def get_lines(self, attempt: CheckInAttempt) -> list[dict[str, Any]]:
        """The same for people to read, factor by factor."""
        return factor_lines(attempt)


# The hot path's serializers live as long as the process: making one copies its fields, which
# costs more than its work. They keep nothing between calls.
REDEEM = RedeemInput()
CHECK_IN = CheckInInput()
CHECK_IN_JSON = CheckInJson()
ATTEMPT = AttemptOutput()


class CheckInCodeInput(Input):
    """One of: `student`, or `whole_class` (true)."""

    student = serializers.IntegerField(required=False, min_value=1, max_value=LARGEST_ID)
    whole_class = serializers.BooleanField(required=False, default=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("student" in attrs) == attrs["whole_class"]:
            raise serializers.ValidationError(_("Name one student, or say that it is for all."))
        return attrs


class CheckInCodeOutput(serializers.Serializer):
    code = serializers.CharField()
    expires_at = MomentField()
    student = serializers.IntegerField(
        allow_null=True, help_text=_("Whose it is; null for the whole class.")
    )
