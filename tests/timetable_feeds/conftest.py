from collections.abc import Iterator
from typing import Any

import pytest

from tests.timetable_feeds.service import FeedServer


@pytest.fixture
def server(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[FeedServer]:
    monkeypatch.setattr("apps.timetable_feeds.services.asking.WAITS", (0.0, 0.0))
    with FeedServer().running() as running:
        settings.OUTGOING_PRIVATE_ADDRESSES = [running.place]
        yield running
