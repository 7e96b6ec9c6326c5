"""How much of a body the lean lane reads is known before it reads."""

import json
from io import BytesIO
from typing import Any

import pytest
from django.test import RequestFactory

from apps.lane.api.requests import LONGEST, asked_of
from tests.factories import Cast
from tests.phone import Phone

pytestmark = pytest.mark.django_db


class Counted(BytesIO):
    read_so_far = 0

    def read(self, *size: Any) -> bytes:
        found = super().read(*size)
        self.read_so_far += len(found)
        return found


@pytest.mark.parametrize("digits", [8, 9, 10, 16, 30])
def test_zeros_before_a_length_hide_nothing(cast: Cast, digits: int) -> None:
    """“00000000151234567” was read as 1, and then 51 million bytes of it."""
    phone = Phone(cast, cast.student)
    token = phone.client._credentials["HTTP_AUTHORIZATION"]
    for size in (20, LONGEST + 1):
        body = Counted(json.dumps({"token": "x" * (size - 13)}).encode())
        request = RequestFactory().generic(
            "POST",
            "/api/v1/check-in/redeem",
            HTTP_HOST=cast.host,
            HTTP_AUTHORIZATION=token,
            CONTENT_TYPE="application/json",
            CONTENT_LENGTH=str(size).zfill(digits),
            **{"wsgi.input": body},
        )
        taken = asked_of(request) is not None
        assert taken == (size <= LONGEST and digits <= 9)
        assert taken or body.read_so_far == 0
