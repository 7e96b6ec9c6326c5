"""Identity providers in the administration: what may be entered, trying a token, who may."""

import json
from typing import Any

import jwt
import pytest

from apps.audit.models import Entry
from apps.identity_providers.models import EmergencyAccount, IdentityProvider, ProviderLink
from apps.identity_providers.sealing import client_secret
from apps.tenants.scope import campus_scope
from tests.admin.support import client_of, fields_of, url
from tests.factories import Cast
from tests.identity_providers.provider_server import CLIENT_ID, Provider
from tests.identity_providers.saml_server import SamlProvider
from tests.identity_providers.support import browser, set_up, sign_in, words

pytestmark = pytest.mark.django_db
ADD = url(IdentityProvider, "add")
FORM = {
    "name": "North login",
    "protocol": "openid",
    "issuer": "https://login.north.example/realm",
    "client_id": CLIENT_ID,
    "secret": "very-secret-value",
    "scopes": "openid email",
    "number_claim": "employeeNumber",
    "email_claim": "email",
    "email_domains": "[]",
    "roles": ["student", "faculty"],
    "is_active": "on",
}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"issuer": "http://login.north.example"}, "is not asked without TLS"),
        ({"issuer": "login.north.example"}, "This provider cannot be asked"),
        ({"issuer": "https://user@login.north.example"}, "This provider cannot be asked"),
        ({"rules": "teacher: groups = staff"}, "is no rule"),
        ({"rules": "faculty: groups"}, "is no rule"),
        ({"number_claim": "", "email_claim": ""}, "Name the claim"),
        ({"number_claim": "", "makes_students": "on"}, "needs a claim with the number"),
        ({"roles": []}, "required"),
        ({"email_domains": '["NORTH.example"]'}, "domain names in lower case"),
    ],
)
def test_what_cannot_work_is_refused(cast: Cast, changes: dict[str, Any], text: str) -> None:
    page = client_of(cast, cast.admin).post(ADD, {**FORM, **changes})
    assert page.status_code == 200
    assert text in words(page)
    with campus_scope(cast.campus):
        assert not IdentityProvider.objects.exists()


def test_the_secret_is_sealed_kept_and_never_shown(cast: Cast) -> None:
    client = client_of(cast, cast.admin)
    assert client.post(ADD, FORM).status_code == 302
    with campus_scope(cast.campus):
        made = IdentityProvider.objects.get()
        assert client_secret(made) == "very-secret-value"
    change = url(IdentityProvider, "change", made.pk)
    page = client.get(change)
    assert "very-secret-value" not in words(page)
    assert f"/accounts/provider/{made.pk}/callback/" in words(page)
    sent = {**fields_of(page), "name": "Other name", "email_domains": "[]"}
    assert client.post(change, sent).status_code == 302
    with campus_scope(cast.campus):
        made = IdentityProvider.objects.get()
        assert (made.name, client_secret(made)) == ("Other name", "very-secret-value")
        written = json.dumps(list(Entry.objects.values_list("data", flat=True)))
    assert "secret" in written
    assert "very-secret-value" not in written


def test_only_administrators_set_one_up(cast: Cast, other_cast: Cast, server: Provider) -> None:
    provider = set_up(cast.campus, server)
    trying = f"/admin/identity_providers/identityprovider/{provider.pk}/try/"
    for user in (cast.operator, cast.principal):
        client = client_of(cast, user)
        assert client.post(ADD, FORM).status_code == 403
        assert client.get(trying).status_code == 403
    assert client_of(other_cast, other_cast.admin).get(trying).status_code == 404
    assert client_of(cast, cast.admin).get(trying).status_code == 200


def tried(cast: Cast, provider: IdentityProvider, text: str) -> str:
    path = f"/admin/identity_providers/identityprovider/{provider.pk}/try/"
    return words(client_of(cast, cast.admin).post(path, {"text": text}))


def test_a_token_is_tried_without_anything_being_saved(
    cast: Cast, server: Provider, provider: IdentityProvider
) -> None:
    claims = {"sub": "s", "employeeNumber": "STUD", "amr": ["mfa"]}
    page = tried(cast, provider, json.dumps(claims))
    assert "Comes in as Student STUD." in page
    token = jwt.encode({**claims, "iss": server.issuer}, "x" * 32, algorithm="HS256")
    assert "Comes in as Student STUD." in tried(cast, provider, token)
    for changes, text in (
        ({"employeeNumber": "NOBODY"}, "does not know you by it yet"),
        ({"iss": "https://other.example"}, "a token of another issuer"),
        ({"aud": ["other"]}, "made for another client"),
    ):
        assert text in tried(cast, provider, json.dumps({**claims, **changes}))
    address = {"sub": "s", "email": "stud@south.example", "email_verified": True}
    assert "or of another domain: not used" in tried(cast, provider, json.dumps(address))
    for wrong in ("[1]", "a.b.c", "x" * 10, '{"a": ', "{" * 500):
        assert "This is n" in tried(cast, provider, wrong)
    with campus_scope(cast.campus):
        assert not ProviderLink.objects.exists()


def test_an_issuer_with_people_behind_it_stays(
    cast: Cast, server: Provider, provider: IdentityProvider
) -> None:
    sign_in(browser(cast.host), server, provider, employeeNumber="STUD")
    client = client_of(cast, cast.admin)
    change = url(IdentityProvider, "change", provider.pk)
    sent = {**fields_of(client.get(change)), "email_domains": "[]"}
    page = client.post(change, {**sent, "issuer": "https://other.example/realm"})
    assert "People come in by this issuer already" in words(page)
    # Ended by the office, somebody may come in by another subject.
    with campus_scope(cast.campus):
        link = ProviderLink.objects.get()
    other = {"sub": "b", "employeeNumber": "STUD"}
    assert sign_in(browser(cast.host), server, provider, **other).status_code == 403
    assert client.post(url(ProviderLink, "delete", link.pk), {"post": "yes"}).status_code == 302
    assert sign_in(browser(cast.host), server, provider, **other).status_code == 302


def test_the_secret_goes_to_no_other_issuer(cast: Cast, idp: SamlProvider) -> None:
    """Whoever may change the provider does not know it: another issuer would be sent it at the next
    sign-in."""
    client = client_of(cast, cast.admin)
    assert client.post(ADD, FORM).status_code == 302

    def kept() -> tuple[str, str]:
        with campus_scope(cast.campus):
            found = IdentityProvider.objects.get()
            return found.issuer, client_secret(found)

    before = (FORM["issuer"], FORM["secret"])
    with campus_scope(cast.campus):
        change = url(IdentityProvider, "change", IdentityProvider.objects.get().pk)
    elsewhere = {**FORM, "issuer": "https://evil.example/realm", "secret": ""}
    assert "the address is a new one" in words(client.post(change, elsewhere))
    assert kept() == before
    # Nor by way of another protocol.
    saml = {"protocol": "saml", "issuer": idp.entity_id, "metadata_text": idp.metadata()}
    assert client.post(change, {**FORM, **saml, "secret": ""}).status_code == 302
    assert kept() == (idp.entity_id, "")
    assert client.post(change, {**elsewhere, "secret": "another"}).status_code == 302
    assert kept() == (elsewhere["issuer"], "another")


def test_emergency_accounts_are_people_of_the_campus(cast: Cast, other_cast: Cast) -> None:
    client = client_of(cast, cast.admin)
    add = url(EmergencyAccount, "add")
    assert client.post(add, {"user": other_cast.admin.pk, "note": "x"}).status_code == 200
    assert client.post(add, {"user": cast.admin.pk, "note": "x"}).status_code == 302
    with campus_scope(cast.campus):
        kept = EmergencyAccount.objects.get()
        assert kept.user == cast.admin
