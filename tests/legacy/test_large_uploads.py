"""What this server takes of somebody who never signed in stays small."""

import re
import time
from typing import Any, Final

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from apps.legacy.middleware import TICKET_SECONDS, upload_ticket
from tests.admin.support import client_of
from tests.factories import Cast, make_user

pytestmark = pytest.mark.django_db
LIMIT: Final = settings.DATA_UPLOAD_MAX_MEMORY_SIZE


def status(cast: Cast, where: str, said: int = LIMIT + 1) -> int:
    """Of somebody without a sign-in, whose body says that it is so long."""
    body: dict[str, Any] = {"file": SimpleUploadedFile("a.json", b"{}")}
    visitor = Client(headers={"host": cast.host})
    return visitor.post(where, body, CONTENT_LENGTH=str(said)).status_code


def test_a_page_that_was_shown_admits_a_large_body_and_nothing_else_does(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    [(path, most)] = settings.TICKETED_BODIES.items()
    client = client_of(cast, make_user("root@platform.example", is_superuser=True))
    action = re.search(rf'action="({path}[^"]+)"', client.get(path).content.decode())
    assert action is not None
    other = upload_ticket("/admin/").partition("?")[2]
    for query in ("", "?ticket=nonsense", f"?ticket={path}:1:x", f"?{other}"):
        assert status(cast, f"{path}{query}") == 413, query
    assert status(cast, f"{path}?ticket=%00") == 400
    assert status(cast, upload_ticket("/admin/")) == 413
    assert status(cast, action[1], most + 1) == 413
    upload = SimpleUploadedFile("a.json", b" " * (LIMIT + 1))
    assert client.post(action[1], {"system": "sis", "file": upload}).status_code == 302
    later = time.time() + TICKET_SECONDS + 1
    monkeypatch.setattr("django.core.signing.time.time", lambda: later)
    assert status(cast, action[1]) == 413
