"""The footer of every page."""

from typing import Any

import pytest
from django.test import Client

from tests.factories import Cast
from tests.portal.support import client_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def visitor(cast: Cast) -> Client:
    return client_of(cast, cast.student.user)


def test_a_changed_installation_links_to_its_source(visitor: Client, settings: Any) -> None:
    """Section 13 of the licence."""
    assert b"Source code" not in visitor.get("/attendance/").content
    settings.SOURCE_URL = "https://source.example/campus"
    assert b'href="https://source.example/campus"' in visitor.get("/attendance/").content
