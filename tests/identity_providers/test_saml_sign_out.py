"""Single logout with a SAML provider, both ways."""

import base64
import zlib
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import xmlsec
from allauth.mfa.totp.internal.auth import TOTP
from django.test import Client
from django.utils import timezone
from lxml import etree

from apps.audit.models import Entry
from apps.identity_providers.models import IdentityProvider, ProviderName
from apps.identity_providers.services import provider_names_purge
from apps.tenants.scope import campus_scope
from apps.tenants.signed import signed_act
from tests.factories import PASSWORD, Cast
from tests.identity_providers.saml_server import (
    NAMES,
    PAIRWISE,
    TRANSIENT,
    Key,
    SamlProvider,
    key_of,
    message_in,
    query_of,
    signature_holds,
    stamp,
)
from tests.identity_providers.saml_support import said, saml_set_up, saml_sign_in
from tests.identity_providers.support import address, browser, change, words

pytestmark = pytest.mark.django_db
SIGN_OUT = "/accounts/provider/saml/sign-out/"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"


@pytest.fixture
def leaving(cast: Cast, settings: Any) -> SamlProvider:
    settings.OUTGOING_PRIVATE_ADDRESSES = ["127.0.0.1:1"]
    return SamlProvider("north", ["north.example"], signs_out=True)


@pytest.fixture
def provider(cast: Cast, leaving: SamlProvider) -> IdentityProvider:
    return saml_set_up(cast.campus, leaving)


def place_of(location: str) -> str:
    parts = urlsplit(location)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"


def own_address(provider: IdentityProvider) -> str:
    return provider.client_id.replace("/metadata/", "/sign-out/")


def asking(
    idp: SamlProvider,
    provider: IdentityProvider,
    *,
    name: str = "name-1",
    key: Key | None = None,
    algorithm: str = RSA_SHA256,
    state: str = "state/1",
    bend: Any = None,
    **attributes: str | None,
) -> str:
    """The query of a signed LogoutRequest of this provider."""
    given = {
        "ID": f"_{name}",
        "Version": "2.0",
        "IssueInstant": stamp(),
        "Destination": own_address(provider),
        **attributes,
    }
    samlp, saml = NAMES["samlp"], NAMES["saml"]
    root = etree.Element(
        f"{{{samlp}}}LogoutRequest", {k: v for k, v in given.items() if v is not None}
    )
    etree.SubElement(root, f"{{{saml}}}Issuer").text = idp.entity_id
    etree.SubElement(root, f"{{{saml}}}NameID").text = name
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = base64.b64encode(packer.compress(etree.tostring(root)) + packer.flush()).decode()
    parts = [f"SAMLRequest={quote(packed, safe='')}"]
    if state:
        parts.append(f"RelayState={quote(state, safe='')}")
    parts.append(f"SigAlg={quote(algorithm, safe='')}")
    query = "&".join(parts)
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory((key or idp.keys[0]).private, xmlsec.KeyFormat.PEM)
    mac = context.sign_binary(query.encode(), xmlsec.Transform.RSA_SHA256)
    query += f"&Signature={quote(base64.b64encode(mac).decode(), safe='')}"
    return bend(query) if bend else query


def test_signing_out_here_leads_on_to_the_provider(
    cast: Cast, leaving: SamlProvider, provider: IdentityProvider
) -> None:
    client = browser(cast.host)
    enter = said("STUD", session_index="index-7")
    assert saml_sign_in(client, leaving, provider, **enter).status_code == 302
    answer = client.post("/accounts/logout/")
    assert answer["Location"].startswith(address(provider, "signed-out/?name="))
    page = words(client.get(answer["Location"]))
    assert "Sign out at north login" in page
    ticket = answer["Location"].partition("=")[2]
    there = client.get(f"{address(provider, 'sign-out/')}?name={ticket}")["Location"]
    assert place_of(there) == "http://127.0.0.1:1/north/slo"
    asked = message_in(there)
    assert asked.findtext("saml:NameID", namespaces=NAMES) == "name-1"
    assert asked.findtext("samlp:SessionIndex", namespaces=NAMES) == "index-7"
    published = etree.fromstring(client.get("/accounts/provider/saml/metadata/").content)
    found = published.findtext(".//ds:X509Certificate", namespaces=NAMES)
    pem = f"-----BEGIN CERTIFICATE-----{found}-----END CERTIFICATE-----\n"
    assert signature_holds(there, pem)
    # Back from there, or with a made-up ticket: to the sign-in page.
    for path in (f"{SIGN_OUT}?SAMLResponse=x", f"{address(provider, 'sign-out/')}?name=x"):
        assert client.get(path)["Location"] == "/accounts/login/"


def asked_there(client: Client, provider: IdentityProvider) -> str | None:
    """Whom the provider is asked to sign out after signing out here; None: it is not asked."""
    where = client.post("/accounts/logout/")["Location"]
    _page, _sign, ticket = where.partition("?name=")
    if not ticket:
        return None
    there = client.get(f"{address(provider, 'sign-out/')}?name={ticket}")["Location"]
    return str(message_in(there).findtext("saml:NameID", namespaces=NAMES))


def test_who_signs_in_after_somebody_else_signs_themselves_out(
    cast: Cast, leaving: SamlProvider, provider: IdentityProvider
) -> None:
    """In one browser: by a password before, or by the provider."""
    client = browser(cast.host)
    client.post("/accounts/login/", {"login": cast.student.email, "password": PASSWORD})
    saml_sign_in(client, leaving, provider, **said("MATE", name_id="mate"))
    assert asked_there(client, provider) == "mate"
    saml_sign_in(client, leaving, provider, **said("STUD", name_id="stud"))
    saml_sign_in(client, leaving, provider, **said("MATE", name_id="mate"))
    assert asked_there(client, provider) == "mate"


def test_who_did_not_finish_signing_in_is_signed_out_by_nobody(
    cast: Cast, leaving: SamlProvider, provider: IdentityProvider
) -> None:
    change(provider, subject_claim="pairwise-id")
    with signed_act("mfa_authenticator"):
        TOTP.activate(cast.lecturer.user, "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
    client = browser(cast.host)

    def enter(number: str, **more: Any) -> str:
        whose = {PAIRWISE: f"{number}@north.example"}
        answer = saml_sign_in(client, leaving, provider, **said(number, attributes=whose, **more))
        return str(answer["Location"])

    assert enter("LECT", name_id="lect") == "/accounts/2fa/authenticate/"
    assert enter("STUD", name_id="") == "/"
    assert asked_there(client, provider) is None


def test_without_an_address_there_is_no_way_out(cast: Cast, settings: Any) -> None:
    settings.OUTGOING_PRIVATE_ADDRESSES = ["127.0.0.1:1"]
    idp = SamlProvider("north", ["north.example"])
    provider = saml_set_up(cast.campus, idp)
    client = browser(cast.host)
    saml_sign_in(client, idp, provider, **said("STUD"))
    answer = client.post("/accounts/logout/")
    assert answer["Location"] == address(provider, "signed-out/")
    assert "Sign out at" not in words(client.get(answer["Location"]))
    with campus_scope(cast.campus):
        assert not ProviderName.objects.exists()


def test_the_provider_ends_the_sessions_that_it_opened(
    cast: Cast, leaving: SamlProvider, provider: IdentityProvider
) -> None:
    """On this campus, of this person, and none that was opened by a password."""
    first, second, own, other = (browser(cast.host) for _each in range(4))
    for client in (first, second):
        saml_sign_in(client, leaving, provider, **said("STUD"))
    own.post("/accounts/login/", {"login": cast.student.email, "password": PASSWORD})
    saml_sign_in(other, leaving, provider, **said("MATE", name_id="name-2"))
    answer = browser(cast.host).get(f"{SIGN_OUT}?{asking(leaving, provider)}")
    assert answer.status_code == 302
    assert place_of(answer["Location"]) == "http://127.0.0.1:1/north/slo"
    said_back = message_in(answer["Location"], "SAMLResponse")
    assert said_back.get("InResponseTo") == "_name-1"
    assert query_of(answer["Location"])["RelayState"] == "state/1"
    for client in (first, second):
        assert client.get("/api/v1/me").status_code == 401
    for client in (own, other):
        assert client.get("/api/v1/me").status_code == 200
    with campus_scope(cast.campus):
        entry = Entry.objects.get(action="identity_providers.signed_out")
    assert entry.data["sessions"] == 2


def test_a_name_of_one_session_ends_the_others_too(
    cast: Cast, leaving: SamlProvider, provider: IdentityProvider
) -> None:
    """Names that are new at each sign-in lead to the person."""
    client, later = browser(cast.host), browser(cast.host)
    for one, name in ((client, "t-1"), (later, "t-2")):
        enter = said(
            "STUD", name_id=name, name_format=TRANSIENT, attributes={PAIRWISE: "a@north.example"}
        )
        assert saml_sign_in(one, leaving, provider, **enter).status_code == 302
    query = asking(leaving, provider, name="t-1", state="")
    assert browser(cast.host).get(f"{SIGN_OUT}?{query}").status_code == 302
    assert client.get("/api/v1/me").status_code == 401
    assert later.get("/api/v1/me").status_code == 401


def test_requests_that_are_not_the_providers_end_nothing(
    cast: Cast, other_cast: Cast, leaving: SamlProvider, provider: IdentityProvider
) -> None:
    client = browser(cast.host)
    saml_sign_in(client, leaving, provider, **said("STUD"))

    def without(name: str) -> Any:
        return lambda query: "&".join(p for p in query.split("&") if not p.startswith(f"{name}="))

    sha1 = "http://www.w3.org/2000/09/xmldsig#rsa-sha1"
    for number, changes in enumerate(
        (
            {"key": key_of("attacker")},
            {"algorithm": sha1},
            {"algorithm": "none"},
            {"bend": without("Signature")},
            {"bend": without("SigAlg")},
            {"bend": without("RelayState")},
            {"bend": lambda query: query.replace("RelayState=state", "RelayState=other")},
            {"bend": lambda query: query + "&SAMLRequest=x"},
            {"Destination": None},
            {"Destination": "https://other.example/"},
            {"IssueInstant": stamp(-900)},
            {"IssueInstant": stamp(900)},
            {"IssueInstant": "yesterday"},
            {"NotOnOrAfter": stamp(-120)},
            {"name": ""},
        )
    ):
        changes.setdefault("ID", f"_{number}")  # type: ignore[attr-defined]
        query = asking(leaving, provider, **changes)  # type: ignore[arg-type]
        answer = browser(cast.host).get(f"{SIGN_OUT}?{query}")
        assert answer.status_code in (400, 403), changes
    for query in ("", "SAMLRequest=", "SAMLRequest=%%", "SAMLRequest=AAAA", "x=1"):
        assert browser(cast.host).get(f"{SIGN_OUT}?{query}").status_code == 400
    foreign = asking(leaving, provider)
    assert browser(other_cast.host).get(f"{SIGN_OUT}?{foreign}").status_code == 404
    assert client.get("/api/v1/me").status_code == 200
    # A right one ends it, and counts once.
    right = f"{SIGN_OUT}?{asking(leaving, provider)}"
    assert browser(cast.host).get(right).status_code == 302
    assert browser(cast.host).get(right).status_code == 403
    assert client.get("/api/v1/me").status_code == 401


def test_a_small_message_does_not_become_a_large_one(
    cast: Cast, leaving: SamlProvider, provider: IdentityProvider
) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(b"<a>" + b" " * (1 << 24) + b"</a>") + packer.flush()
    query = quote(base64.b64encode(packed).decode(), safe="")
    assert len(query) < 40_000
    assert browser(cast.host).get(f"{SIGN_OUT}?SAMLRequest={query}").status_code == 400


def test_names_are_forgotten_after_sixty_days(
    cast: Cast, leaving: SamlProvider, provider: IdentityProvider
) -> None:
    saml_sign_in(browser(cast.host), leaving, provider, **said("STUD"))
    today = timezone.now()
    with campus_scope(cast.campus):
        assert provider_names_purge(now=today + timedelta(days=59)) == 0
        assert provider_names_purge(now=today + timedelta(days=61)) == 1
