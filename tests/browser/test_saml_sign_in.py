"""Signing in at a SAML provider in a real browser: its page posts the answer across sites."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect
from pytest_django import Settings

from tests.browser.looks import violations
from tests.factories import Cast
from tests.identity_providers.saml_server import SamlProvider, message_in
from tests.identity_providers.saml_support import said, saml_set_up
from tests.loopback import LoopbackServer, QuietHandler

FORM = """<!DOCTYPE html><title>Provider</title>
<form method="post" action="{there}">
<input type="hidden" name="SAMLResponse" value="{answer}"></form>
<script>document.forms[0].submit()</script>"""


class ProviderPages(LoopbackServer):
    """Where `idp` is signed in at already: its page posts the answer by itself."""

    def __init__(self) -> None:
        pages = self

        class Handler(QuietHandler):
            def reply(self, method: str) -> None:
                asked = urlsplit(self.path)
                if asked.path == "/north/slo":
                    self.send(
                        200, b"<title>Signed out there</title>", {"Content-Type": "text/html"}
                    )
                    return
                there = message_in(self.path).get("AssertionConsumerServiceURL")
                answer = pages.idp.answer_to(self.path, **pages.signed_in)
                body = FORM.format(there=there, answer=answer).encode()
                self.send(200, body, {"Content-Type": "text/html"})

        super().__init__(Handler)
        self.idp = SamlProvider("north", ["north.example"], self.place, signs_out=True)
        self.signed_in: dict[str, Any] = {}


@pytest.fixture
def pages(settings: Settings, site: str) -> Iterator[ProviderPages]:
    with ProviderPages().running() as running:
        settings.OUTGOING_PRIVATE_ADDRESSES = [running.place]
        settings.PUBLIC_PORT = site.rpartition(":")[2]
        yield running


def test_there_and_back_by_a_posted_form(
    page: Page, site: str, hall: Cast, pages: ProviderPages, complaints: list[str]
) -> None:
    """No cookie comes with the post of another site; the browser is led on and has its own."""
    saml_set_up(hall.campus, pages.idp)
    pages.signed_in = said("STUD")
    page.goto(f"{site}/devices/")
    page.get_by_role("link", name="Continue with north login").click()
    expect(page).to_have_url(f"{site}/devices/")
    page.goto(f"{site}/accounts/logout/")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Signed out")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("link", name="Sign out at north login").click()
    expect(page).to_have_title("Signed out there")
    pages.signed_in = said("NOBODY", name_id="b")
    page.goto(f"{site}/accounts/login/")
    page.get_by_role("link", name="Continue with north login").click()
    expect(page.get_by_role("heading", name="Not signed in")).to_be_visible()
    assert [text for text in complaints if "403" not in text] == []
