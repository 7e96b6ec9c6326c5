"""SAML in the administration: providers, federations, our keys, and trying an answer."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from lxml import etree

from apps.audit.services import SYSTEM
from apps.common.errors import Refused
from apps.identity_providers.models import (
    IdentityProvider,
    MetadataSource,
    ProviderLink,
    SamlKey,
)
from apps.identity_providers.services import saml_key_replace, saml_keys_purge
from apps.tenants.scope import campus_scope
from tests.admin.support import client_of, fields_of, url
from tests.factories import Cast
from tests.identity_providers.saml_server import (
    NAMES,
    NUMBER,
    PAIRWISE,
    TRANSIENT,
    Federation,
    SamlProvider,
    key_of,
    message_in,
    posted,
)
from tests.identity_providers.saml_support import federation_of, own_id, post, said, saml_sign_in
from tests.identity_providers.support import address, browser, change, led_to, words

pytestmark = pytest.mark.django_db
ADD = url(IdentityProvider, "add")
OWN = "/accounts/provider/saml/metadata/"
ENTITY = "https://north.example/idp"


def form(**changes: Any) -> dict[str, Any]:
    return {
        "name": "North login",
        "protocol": "saml",
        "issuer": ENTITY,
        "client_id": "",
        "scopes": "openid email",
        "number_claim": "employeeNumber",
        "email_claim": "email",
        "email_domains": "[]",
        "roles": ["student", "faculty"],
        "is_active": "on",
        **changes,
    }


def test_a_provider_is_set_up_by_pasted_metadata(cast: Cast, idp: SamlProvider) -> None:
    client = client_of(cast, cast.admin)
    assert client.post(ADD, form(metadata_text=idp.metadata())).status_code == 302
    with campus_scope(cast.campus):
        made = IdentityProvider.objects.get()
        assert made.client_id == own_id()
        assert SamlKey.objects.count() == 1
    assert (made.entity or {})["scopes"] == ["north.example"]
    page = words(client.get(url(IdentityProvider, "change", made.pk)))
    assert OWN in page
    assert "/accounts/provider/saml/answer/" in page
    assert f"Signs in at: {idp.sign_in}" in page
    assert "Try with an answer" in page
    enter = saml_sign_in(browser(cast.host), idp, made, **said("STUD"))
    assert enter.status_code == 302
    # Saved again without a change of where it is read from, it stays known.
    sent = {
        **fields_of(client.get(url(IdentityProvider, "change", made.pk))),
        "email_domains": "[]",
    }
    assert client.post(url(IdentityProvider, "change", made.pk), sent).status_code == 302
    with campus_scope(cast.campus):
        assert IdentityProvider.objects.get().entity == made.entity


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "Choose one: federation, address, or pasted"),
        ({"metadata_text": "<a/>", "metadata_url": "https://a.example/"}, "Choose one"),
        ({"metadata_url": "http://login.north.example/"}, "is not asked without TLS"),
        ({"metadata_url": "ftp://login.north.example/"}, "This address cannot be asked"),
        ({"protocol": "openid", "metadata_text": "<a/>"}, "The provider gave you one"),
        ({"protocol": "kerberos"}, "not one of the available choices"),
    ],
)
def test_what_cannot_work_is_refused(cast: Cast, changes: dict[str, Any], text: str) -> None:
    page = client_of(cast, cast.admin).post(ADD, form(**changes))
    assert page.status_code == 200
    assert text in words(page)
    with campus_scope(cast.campus):
        assert not IdentityProvider.objects.exists()


@pytest.mark.parametrize("odd", ["\x0b", "\x7f", "\ufffe", "\uffff"])
def test_what_no_xml_holds_is_no_name_of_ours(cast: Cast, idp: SamlProvider, odd: str) -> None:
    """It would stand in every request, and in the metadata: both would fail for everybody."""
    client = client_of(cast, cast.admin)
    for name in ("client_id", "issuer"):
        sent = form(metadata_text=idp.metadata(), **{name: f"urn:x{odd}y"})
        page = client.post(ADD, sent)
        assert (page.status_code, "control characters" in words(page)) == (200, True), name
    with campus_scope(cast.campus):
        assert not IdentityProvider.objects.exists()


def test_metadata_that_is_none_is_saved_and_said(cast: Cast, idp: SamlProvider) -> None:
    client = client_of(cast, cast.admin)
    page = client.post(ADD, form(metadata_text="no metadata"), follow=True)
    assert "is no SAML metadata, or too large" in words(page)
    assert "not ready" in words(client.get(url(IdentityProvider, "changelist")))
    with campus_scope(cast.campus):
        made = IdentityProvider.objects.get()
    shown = words(client.get(url(IdentityProvider, "change", made.pk)))
    assert "It could not be read last time" in shown
    assert browser(cast.host).get(address(made)).status_code == 424


def test_an_entity_id_is_one_providers(
    cast: Cast, idp: SamlProvider, saml_provider: IdentityProvider
) -> None:
    client = client_of(cast, cast.admin)
    page = client.post(ADD, form(client_id="urn:x", metadata_text=idp.metadata()))
    assert "Another provider of this campus has this entityID" in words(page)


def test_a_federation_is_entered_and_its_certificate_shown(
    cast: Cast, other_cast: Cast, federations: list[Federation]
) -> None:
    server, client = federations[0], client_of(cast, cast.admin)
    add = url(MetadataSource, "add")
    sent = {
        "name": "Federation",
        "kind": "aggregate",
        "address": f"{server.url}/all",
        "certificates": f"  {server.key.certificate}{key_of('next').certificate}",
    }
    for changes, text in (
        ({"certificates": "abc"}, "Paste one or more certificates in PEM"),
        ({"certificates": server.key.certificate + "abc"}, "Paste one or more certificates"),
        ({"address": "http://federation.example/"}, "is not asked without TLS"),
    ):
        page = client.post(add, {**sent, **changes})
        assert (page.status_code, text in words(page)) == (200, True), changes
    assert client.post(add, sent).status_code == 302
    with campus_scope(cast.campus):
        source = MetadataSource.objects.get()
    page = words(client.get(url(MetadataSource, "change", source.pk)))
    assert page.count(":") > 60  # two fingerprints
    assert "not read yet" in words(client.get(url(MetadataSource, "changelist")))
    answer = client.post(
        url(MetadataSource, "changelist"),
        {"action": "read_now", "_selected_action": [source.pk]},
        follow=True,
    )
    assert "They are read now" in words(answer)
    other = client_of(other_cast, other_cast.admin)
    assert other.get(url(MetadataSource, "change", source.pk)).status_code == 404
    for user in (cast.operator, cast.principal):
        assert client_of(cast, user).post(add, sent).status_code == 403


def test_a_provider_of_a_federation_waits_for_the_worker(
    cast: Cast, federations: list[Federation]
) -> None:
    source = federation_of(cast.campus, federations[0])
    client = client_of(cast, cast.admin)
    page = client.post(ADD, form(source=str(source.pk)), follow=True)
    assert "Its metadata is read now" in words(page)
    with campus_scope(cast.campus):
        assert IdentityProvider.objects.get().source_id == source.pk
    # With providers of it, it stays.
    client.post(url(MetadataSource, "delete", source.pk), {"post": "yes"})
    with campus_scope(cast.campus):
        assert MetadataSource.objects.exists()


def test_who_is_behind_a_new_issuer_is_somebody_else(
    cast: Cast, idp: SamlProvider, saml_provider: IdentityProvider
) -> None:
    """Metadata of another entityID is not what was read for the old one."""
    client = client_of(cast, cast.admin)
    page = url(IdentityProvider, "change", saml_provider.pk)
    sent = {**fields_of(client.get(page)), "email_domains": "[]"}
    assert client.post(page, {**sent, "issuer": "https://x.example/idp"}).status_code == 302
    with campus_scope(cast.campus):
        found = IdentityProvider.objects.get()
    assert (found.entity, found.problem) == (None, "missing")


def test_a_provider_with_people_behind_it_keeps_entity_id_and_protocol(
    cast: Cast, idp: SamlProvider, saml_provider: IdentityProvider
) -> None:
    saml_sign_in(browser(cast.host), idp, saml_provider, **said("STUD"))
    client = client_of(cast, cast.admin)
    page = url(IdentityProvider, "change", saml_provider.pk)
    sent = {**fields_of(client.get(page)), "email_domains": "[]"}
    for changes in ({"issuer": "https://x.example/idp"}, {"protocol": "openid"}):
        answer = client.post(page, {**sent, **changes})
        assert "People come in by this issuer already" in words(answer), changes


# --- Our keys ----------------------------------------------------------------------------------


def certificates(cast: Cast) -> list[str]:
    root = etree.fromstring(browser(cast.host).get(OWN).content)
    return [one.text for one in root.iter(f"{{{NAMES['ds']}}}X509Certificate")]


def test_our_key_is_replaced_with_both_shown_for_a_while(
    cast: Cast, idp: SamlProvider, saml_provider: IdentityProvider
) -> None:
    client, now = client_of(cast, cast.admin), timezone.now()
    first = certificates(cast)
    asked = {"action": "replace_key", "_selected_action": [str(saml_provider.pk)]}
    assert "It signs in three days" in words(
        client.post(url(IdentityProvider, "changelist"), asked, follow=True)
    )
    both = certificates(cast)
    assert len(both) == 2
    assert both[1:] == first
    again = words(client.post(url(IdentityProvider, "changelist"), asked, follow=True))
    assert "There are two keys already" in again
    with campus_scope(cast.campus):
        new, old = SamlKey.objects.all()
        assert (old.shown_until - now).days in (13, 14)
        assert (new.shown_until, (new.signs_from - now).days in (2, 3)) == (None, True)
        assert b"PRIVATE KEY" in new.opened()
        assert b"PRIVATE" not in bytes(new.sealed_key)
        with pytest.raises(Refused):
            saml_key_replace(now=now, actor=SYSTEM)
        assert saml_keys_purge(now=now + timedelta(days=13)) == 0
        assert saml_keys_purge(now=now + timedelta(days=15)) == 1
        # One that was stolen is deleted by hand; the next one signs at once.
        SamlKey.objects.all().delete()
        assert saml_key_replace(now=now, actor=SYSTEM).signs_from == now


def test_without_a_key_nothing_is_asked(
    cast: Cast, idp: SamlProvider, saml_provider: IdentityProvider
) -> None:
    client = browser(cast.host)
    answer = idp.answer_to(led_to(client, saml_provider), **said("STUD"))
    with campus_scope(cast.campus):
        key = SamlKey.objects.get()
    office = client_of(cast, cast.admin)
    assert office.post(url(SamlKey, "delete", key.pk), {"post": "yes"}).status_code == 302
    assert browser(cast.host).get(OWN).status_code == 404
    assert browser(cast.host).get(address(saml_provider)).status_code == 424
    assert post(client, answer).status_code == 403


# --- Trying an answer --------------------------------------------------------------------------


def tried(cast: Cast, provider: IdentityProvider, text: str) -> str:
    path = f"/admin/identity_providers/identityprovider/{provider.pk}/try/"
    return words(client_of(cast, cast.admin).post(path, {"text": text}))


def test_an_answer_is_tried_without_anything_being_saved(
    cast: Cast, idp: SamlProvider, saml_provider: IdentityProvider
) -> None:
    asked = message_in(led_to(browser(cast.host), saml_provider))

    def answer(**changes: Any) -> Any:
        return idp.response(asked, **said("STUD", **changes))

    root = answer(attributes={PAIRWISE: "a@north.example"})
    assertion = etree.tostring(root.find("saml:Assertion", NAMES)).decode()
    for text in (posted(root), etree.tostring(root).decode(), assertion):
        page = tried(cast, saml_provider, text)
        assert "Comes in as Student STUD." in page
        assert "pairwise-id:a@north.example" in page
    claims = {"sub": "name_id:x", "employeeNumber": ["STUD"]}
    assert "Comes in as Student STUD." in tried(cast, saml_provider, json.dumps(claims))
    for changes, text in (
        ({"attributes": {NUMBER: "NOBODY"}}, "does not know you by it yet"),
        ({"issuer": "https://other.example"}, "a token of another issuer"),
        ({"audiences": [["urn:other"]]}, "made for another client"),
        ({"name_format": TRANSIENT}, "no id that stays yours"),
        (
            {"name_format": TRANSIENT, "attributes": {PAIRWISE: "a@south.example"}},
            "no id that stays yours",
        ),
    ):
        assert text in tried(cast, saml_provider, posted(answer(**changes))), changes
    encrypted = etree.tostring(root).decode().replace("saml:Assertion", "saml:EncryptedAssertion")
    assert "There is no assertion in it" in tried(cast, saml_provider, encrypted)
    for wrong in ("a.b.c", "<a", "%", "<!DOCTYPE a><a/>"):
        assert "This is neither an answer of SAML" in tried(cast, saml_provider, wrong), wrong
    with campus_scope(cast.campus):
        assert not ProviderLink.objects.exists()


def test_scopes_of_a_provider_without_any_are_the_campuss_word(
    cast: Cast, idp: SamlProvider, saml_provider: IdentityProvider
) -> None:
    plain = SamlProvider("north", [])
    text = posted(
        plain.response(
            message_in(led_to(browser(cast.host), saml_provider)),
            **said("STUD", name_format=TRANSIENT, attributes={PAIRWISE: "a@north.example"}),
        )
    )
    change(saml_provider, entity={**(saml_provider.entity or {}), "scopes": []})
    assert "no id that stays yours" in tried(cast, saml_provider, text)
    change(saml_provider, email_domains=["north.example"])
    assert "Comes in as Student STUD." in tried(cast, saml_provider, text)
