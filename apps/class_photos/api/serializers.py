"""Shapes of the API of class photos. No biometric value is among them."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from apps.class_photos.models import ClassPhoto, FaceMeaning, PhotoProblem
from apps.common.fields import LARGEST_ID, MomentField
from apps.common.inputs import Input
from apps.common.texts import NONCE

MOST_CHOSEN = 1000


class ChosenFace(Input):
    face = serializers.IntegerField(min_value=1, max_value=LARGEST_ID)
    student = serializers.IntegerField(min_value=1, max_value=LARGEST_ID)


class ConfirmInput(Input):
    nonce = serializers.RegexField(NONCE, help_text=_("The same again gets the first answer."))
    known = serializers.BooleanField(
        default=False,
        help_text=_("All known faces, but for students whom a person has marked otherwise."),
    )
    chosen = ChosenFace(
        many=True,
        required=False,
        help_text=_("Faces with whom they show, whoever they were taken for."),
    )

    def validate_chosen(self, rows: list[Any]) -> list[Any]:
        if len(rows) > MOST_CHOSEN:
            raise serializers.ValidationError(_("Too many faces."))
        return rows


class NamedOutput(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    code = serializers.CharField()
    name = serializers.CharField()
    mark = serializers.CharField(
        allow_blank=True, help_text=_("What the register shows, empty for unmarked.")
    )
    confidence = serializers.FloatField(
        allow_null=True, help_text=_("0 to 1; 0.5 lies at the limit of what is a match.")
    )


class FaceOutput(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    label = serializers.CharField(  # type: ignore[assignment]
        help_text=_("Number of the photo and of the face in it.")
    )
    left = serializers.IntegerField(help_text=_("In pixels of the photo, as all four."))
    top = serializers.IntegerField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    meaning = serializers.ChoiceField(choices=FaceMeaning.choices)
    student = NamedOutput(allow_null=True, help_text=_("Who it is, of known faces."))
    candidates = NamedOutput(many=True, help_text=_("Who it may be, of doubtful faces."))
    confirmed = NamedOutput(allow_null=True)


class PhotoOutput(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    status = serializers.ChoiceField(choices=ClassPhoto.Status.choices)
    problem = serializers.ChoiceField(choices=PhotoProblem.choices, allow_blank=True)
    message = serializers.CharField(allow_blank=True)
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    faces = FaceOutput(many=True)


class CountsOutput(serializers.Serializer[Any]):
    known = serializers.IntegerField()
    doubtful = serializers.IntegerField()
    unknown = serializers.IntegerField()
    again = serializers.IntegerField()
    confirmed = serializers.IntegerField()


class ReviewOutput(serializers.Serializer[Any]):
    state = serializers.ChoiceField(choices=["searching", "ready"])
    delete_after = MomentField(source="review.delete_after")
    counts = CountsOutput()
    proposed = serializers.IntegerField(help_text=_("Whom `known` would mark."))
    photos = PhotoOutput(many=True)


class ConfirmResult(serializers.Serializer[Any]):
    student = serializers.IntegerField()
    result = serializers.ChoiceField(choices=["saved", "unchanged", "conflict", "refused"])
    code = serializers.CharField(allow_blank=True)
    message = serializers.CharField(allow_blank=True)
    status = serializers.CharField(allow_blank=True)
    label = serializers.CharField(allow_blank=True)  # type: ignore[assignment]


class ConfirmOutput(serializers.Serializer[Any]):
    bulk = serializers.IntegerField(help_text=_("The bulk change in the session's history."))
    results = ConfirmResult(many=True)
