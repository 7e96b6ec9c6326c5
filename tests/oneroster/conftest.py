"""A service that the campus knows."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.oneroster.service import OneRosterService


@pytest.fixture
def sis(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[OneRosterService]:
    monkeypatch.setattr("apps.oneroster.services.asking.WAITS", (0.0, 0.0, 0.0))
    with OneRosterService().running() as service:
        settings.OUTGOING_PRIVATE_ADDRESSES = [service.place]
        yield service
