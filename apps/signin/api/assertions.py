"""A passkey's assertion as it is sent: four texts in base64."""

from datetime import datetime
from typing import Any

from fido2.utils import websafe_encode
from rest_framework import serializers

from apps.accounts.api.serializers import (
    Base64Field,
    ChallengeOutput,
    DeviceInput,
    PublicKeyField,
)
from apps.common.fields import MomentField
from apps.common.inputs import Input
from apps.signin.assertions import Assertion, Passkey
from apps.signin.services.replacement import old_enough_at


class AssertionInput(Input):
    """What `navigator.credentials.get` answers, its bytes as base64 (URL-safe or not)."""

    credential_id = Base64Field(max_length=1400)
    authenticator_data = Base64Field(max_length=2000)
    client_data_json = Base64Field(max_length=4000)
    signature = Base64Field(max_length=1000)


def assertion_of(data: dict[str, Any]) -> Assertion:
    return Assertion(
        credential_id=data["credential_id"],
        authenticator_data=data["authenticator_data"],
        client_data=data["client_data_json"],
        signature=data["signature"],
    )


class ReplacementInput(DeviceInput):
    """`assertion`: of a passkey that lets this device take the place of a lost one."""

    assertion = AssertionInput()

    class Meta(DeviceInput.Meta):
        fields = (*DeviceInput.Meta.fields, "assertion")  # type: ignore[assignment]


class PasskeyOutput(serializers.Serializer[Any]):
    """A passkey of one account and host. `synced`: it may be on several devices of its owner."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    rp_id = serializers.CharField(help_text="The host name that it is good for.")
    synced = serializers.BooleanField()
    added_at = MomentField()


class OwnPasskeyOutput(PasskeyOutput):
    credential_id = serializers.SerializerMethodField(help_text="URL-safe base64.")
    replaces_from = serializers.SerializerMethodField(
        help_text="From when it can bind another device at once."
    )

    def get_credential_id(self, passkey: Passkey) -> str:
        return websafe_encode(passkey.credential_id)

    def get_replaces_from(self, passkey: Passkey) -> datetime:
        return old_enough_at(passkey)


class PasskeyChallengeInput(Input):
    """The new key and the id of its device; a passkey signs both."""

    device_uuid = serializers.CharField(max_length=255)
    public_key = PublicKeyField()


class PasskeyChallengeOutput(ChallengeOutput):
    request_options = serializers.DictField(
        help_text="For `navigator.credentials.get`, bytes as URL-safe base64."
    )
