"""Shapes of the people API: input and output apart."""

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from apps.accounts.models import Device, Faculty, Student, User
from apps.accounts.requests import request_browser
from apps.accounts.services import DeviceFacts
from apps.accounts.services.devices import rebind_at
from apps.common.inputs import Input, ModelInput
from apps.common.languages import spoken
from apps.common.signatures import decode_base64, public_key_der


class CampusOutput(serializers.Serializer[Any]):
    slug = serializers.SlugField()
    name = serializers.CharField()
    time_zone = serializers.CharField()
    face_enabled = serializers.BooleanField()


class UserOutput(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    email = serializers.EmailField()
    name = serializers.CharField()
    language = serializers.SerializerMethodField(help_text="Empty: as the client asks.")
    is_superuser = serializers.BooleanField()

    def get_language(self, user: User) -> str:
        """A language that is no longer offered is as good as none."""
        return user.language if user.language == spoken(user.language) else ""


class StudentOutput(serializers.ModelSerializer[Student]):
    class Meta:
        model = Student
        fields = (
            "id",
            "uuid",
            "code",
            "full_name",
            "email",
            "phone",
            "year_of_study",
            "program",
            "is_representative",
        )


class FacultyOutput(serializers.ModelSerializer[Faculty]):
    class Meta:
        model = Faculty
        fields = ("id", "uuid", "code", "full_name", "email", "phone", "department")


class MeOutput(serializers.Serializer[Any]):
    user = UserOutput()
    campus = CampusOutput()
    roles = serializers.ListField(child=serializers.CharField())
    student = StudentOutput(allow_null=True)
    faculty = FacultyOutput(allow_null=True)


class ChallengeOutput(serializers.Serializer[Any]):
    nonce = serializers.CharField()
    student = serializers.IntegerField(help_text="The student id that is part of the message.")
    message = serializers.CharField(
        help_text="What to sign, with {device_uuid} standing for the device's id."
    )
    expires_in = serializers.IntegerField(help_text="Seconds.")


class DeviceOutput(serializers.ModelSerializer[Device]):
    """The student's own device. Its raw identifier and key stay on the server."""

    rebind_at = serializers.SerializerMethodField(
        help_text="From when another device can be bound; null: nobody asked for it."
    )

    class Meta:
        model = Device
        fields = (
            "id",
            "kind",
            "name",
            "model",
            "os_version",
            "app_version",
            "biometric_enabled",
            "location_permission",
            "bluetooth_permission",
            "bound_at",
            "last_seen_at",
            "rebind_at",
        )

    def get_rebind_at(self, device: Device) -> datetime | None:
        return rebind_at(device)


class BindingOutput(serializers.Serializer[Any]):
    bound = serializers.BooleanField()
    device = DeviceOutput(allow_null=True)


@extend_schema_field({"oneOf": [{"type": "string"}, {"type": "object"}]})
class PublicKeyField(serializers.Field[bytes, Any, str, Any]):
    """A P-256 public key as JWK, PEM, or base64 of SPKI DER or of the uncompressed point."""

    default_error_messages = {"bad_public_key": _("This is not a P-256 public key.")}

    def to_internal_value(self, data: Any) -> bytes:
        if not isinstance(data, (str, dict)):
            self.fail("bad_public_key")
        try:
            return public_key_der(data)
        except ValueError:
            self.fail("bad_public_key")


class Base64Field(serializers.CharField):
    """Bytes as base64, standard or URL-safe."""

    default_error_messages = {"bad_base64": _("This is not base64.")}

    def to_internal_value(self, data: Any) -> bytes:  # type: ignore[override]
        try:
            return decode_base64(super().to_internal_value(data))
        except ValueError:
            self.fail("bad_base64")


class DeviceInput(ModelInput[Device]):
    """`signature`: ECDSA-SHA256 by the new key over the challenge's message (DER or r‖s)."""

    public_key = PublicKeyField()
    nonce = serializers.CharField(max_length=200)
    signature = Base64Field(max_length=200)

    class Meta:
        model = Device
        fields = (
            "device_uuid",
            "public_key",
            "nonce",
            "signature",
            "kind",
            "name",
            "model",
            "os_version",
            "app_version",
            "push_token",
            "biometric_enabled",
            "location_permission",
            "bluetooth_permission",
        )
        validators: list[Any] = []  # uniqueness is the service's to refuse, with its own codes


def device_facts(request: Request, said: dict[str, Any]) -> DeviceFacts:
    """What is kept of what a device says of itself.

    What comes by a browser's session is a browser, whatever it says: else a changed script
    would bind one browser to many students. What comes by tokens is believed.
    """
    kind = Device.Kind.WEB if request.auth is None else said["kind"]
    browser = request_browser(request) if kind == Device.Kind.WEB else ""
    return DeviceFacts(**{**said, "kind": kind}, browser=browser)


class ResetInput(Input):
    reason = serializers.CharField(max_length=300)
