"""Shapes of the consent API."""

from typing import Any

from rest_framework import serializers

from apps.common.fields import MomentField
from apps.common.inputs import Input
from apps.privacy.models import Consent


class ConsentOutput(serializers.Serializer[Any]):
    kind = serializers.CharField()
    name = serializers.CharField()
    version = serializers.CharField(help_text="Version of the wording in force.")
    text = serializers.CharField()
    kept_for = serializers.CharField(help_text="How long photos and templates are kept, in words.")
    given_at = MomentField(allow_null=True)
    given_version = serializers.CharField(allow_null=True)
    up_to_date = serializers.BooleanField(help_text="Given, and in the wording in force.")


class ConsentInput(Input):
    kind = serializers.ChoiceField(choices=Consent.Kind.choices)
    version = serializers.CharField(max_length=20, help_text="Of the wording that was shown.")


class WithdrawalOutput(serializers.Serializer[Any]):
    erased = serializers.IntegerField(help_text="How many templates, samples and the like.")
