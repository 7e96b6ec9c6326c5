"""Lists of the API: filtered and ordered by what a serializer allows, always in pages."""

from typing import Any, TypeVar

from django.db import models
from rest_framework import serializers
from rest_framework.generics import ListAPIView

from apps.common.fields import LARGEST_ID as LARGEST_ID
from apps.common.fields import IdField as IdField

M = TypeVar("M", bound=models.Model)


class FlagField(serializers.BooleanField):
    """A filter of three values: yes, no, or not asked for."""

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, allow_null=True, default=None, **options)


class TextFilter(serializers.CharField):
    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, max_length=100, **options)


def ordering_field(*columns: str) -> serializers.ChoiceField:
    """Ascending or descending (-) by one of these columns; the first is the default."""
    choices = [sign + column for column in columns for sign in ("", "-")]
    return serializers.ChoiceField(choices=choices, default=columns[0])


class Listing(ListAPIView[M]):
    """A list whose query is checked by `query_class` and answered by `listed`.

    Rows that tie in the asked order follow by id, so that pages never overlap.
    """

    query_class: type[serializers.Serializer[Any]]

    def get_queryset(self) -> models.QuerySet[M]:
        if getattr(self, "swagger_fake_view", False):
            return super().get_queryset()
        query = self.query_class(data=self.request.query_params)
        query.is_valid(raise_exception=True)
        asked = {name: value for name, value in query.validated_data.items() if value is not None}
        ordering = asked.pop("ordering")
        return self.listed(**asked).order_by(ordering, "id")

    def listed(self, **asked: Any) -> models.QuerySet[M]:
        """The rows for these filters (only those that were named) that the asker may see."""
        raise NotImplementedError
