"""Every address that a library answers: a signed-in person gets no error from any of them."""

import re

import pytest
from django.test import Client

from tests.accounts.support import at, login
from tests.factories import Cast
from tests.test_permissions import every_route

EVERY = sorted(
    {
        re.sub(r"<[^>]*>", "1", f"/{route}")
        for route, _view in every_route()
        if route.startswith(("accounts/", "_allauth/"))
    }
)
BODY = {"email": "x@north.example", "phone": "+4915112345678", "code": "1", "key": "1"}


@pytest.mark.parametrize("path", EVERY)
def test_no_address_of_a_library_breaks(cast: Cast, path: str) -> None:
    """As a browser, as a phone, and as somebody who is not signed in."""
    token = login(at(cast.host), cast.student.email).json()["meta"]["session_token"]
    browser = Client(headers={"host": cast.host})
    browser.force_login(cast.student.user)
    found = {}
    for who, client in {
        "phone": at(cast.host, **{"X-Session-Token": token}),
        "stranger": at(cast.host),
        "browser": browser,
        "visitor": Client(headers={"host": cast.host}),
    }.items():
        client.raise_request_exception = False
        for method in ("get", "post", "put", "patch", "delete"):
            body = {} if method == "get" else {"data": BODY}
            if method != "get" and isinstance(client, Client) and method != "post":
                body["content_type"] = "application/json"
            found[who, method] = getattr(client, method)(path, **body).status_code
    assert {how: code for how, code in found.items() if code >= 500} == {}
