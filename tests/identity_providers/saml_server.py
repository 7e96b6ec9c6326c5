"""SAML identity providers and federations of our own on loopback, with real keys and signatures."""

import base64
import hashlib
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from html import escape
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit
from uuid import uuid4

import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID
from lxml import etree

from tests.loopback import LoopbackServer, QuietHandler
from tests.rsa_keys import rsa_key

ASSERTION = "urn:oasis:names:tc:SAML:2.0:assertion"
PROTOCOL = "urn:oasis:names:tc:SAML:2.0:protocol"
METADATA = "urn:oasis:names:tc:SAML:2.0:metadata"
DSIG = "http://www.w3.org/2000/09/xmldsig#"
SCOPE = "urn:mace:shibboleth:metadata:1.0"
NAMES = {"saml": ASSERTION, "samlp": PROTOCOL, "md": METADATA, "ds": DSIG, "shibmd": SCOPE}
REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
PAIRWISE = "urn:oasis:names:tc:SAML:attribute:pairwise-id"
EPPN = "urn:oid:1.3.6.1.4.1.5923.1.1.1.6"
AFFILIATION = "urn:oid:1.3.6.1.4.1.5923.1.1.1.9"
NUMBER = "urn:oid:2.16.840.1.113730.3.1.3"
MAIL = "urn:oid:0.9.2342.19200300.100.1.3"
GIVEN = "urn:oid:2.5.4.42"
FAMILY = "urn:oid:2.5.4.4"


@dataclass(frozen=True)
class Key:
    """Of somebody who signs; PEM, both."""

    private: bytes
    certificate: str

    @property
    def bare(self) -> str:
        return "".join(self.certificate.splitlines()[1:-1])


@lru_cache
def key_of(owner: str) -> Key:
    key = rsa_key(f"saml {owner}")
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, owner[:60])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1))
        .not_valid_after(datetime(2021, 1, 1))  # over: it is a key with an envelope
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return Key(private, certificate.public_bytes(serialization.Encoding.PEM).decode())


def stamp(ahead: float = 0) -> str:
    """A moment that lies so many seconds ahead."""
    at = datetime.now(UTC) + timedelta(seconds=ahead)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def element(text: str) -> Any:
    return etree.fromstring(text)


def signed(
    root: Any,
    key: Key,
    *,
    place: Any = None,
    signature: Any = xmlsec.Transform.RSA_SHA256,
    digest: Any = xmlsec.Transform.SHA256,
) -> Any:
    """`root` (or the element `place` in it) with an enveloped signature at its place by schema."""
    target = root if place is None else place
    node = xmlsec.template.create(target, xmlsec.Transform.EXCL_C14N, signature, ns="ds")
    issuer = target.find("saml:Issuer", NAMES)
    target.insert(0, node) if issuer is None else issuer.addnext(node)
    reference = xmlsec.template.add_reference(node, digest, uri=f"#{target.get('ID')}")
    xmlsec.template.add_transform(reference, xmlsec.Transform.ENVELOPED)
    xmlsec.template.add_transform(reference, xmlsec.Transform.EXCL_C14N)
    xmlsec.template.add_x509_data(xmlsec.template.ensure_key_info(node))
    context = xmlsec.SignatureContext()
    context.register_id(target, "ID")
    context.key = xmlsec.Key.from_memory(key.private, xmlsec.KeyFormat.PEM)
    context.key.load_cert_from_memory(key.certificate, xmlsec.KeyFormat.CERT_PEM)
    context.sign(node)
    return root


def query_of(location: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


def message_in(location: str, name: str = "SAMLRequest") -> Any:
    """The message that a redirect carries."""
    return element(zlib.decompress(base64.b64decode(query_of(location)[name]), -15).decode())


def signature_holds(location: str, certificate: str) -> bool:
    """Whether the redirect is signed by the key of this certificate."""
    query = urlsplit(location).query
    text, _sign, mac = query.partition("&Signature=")
    start = max(text.rfind("SAMLRequest="), text.rfind("SAMLResponse="))
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(certificate, xmlsec.KeyFormat.CERT_PEM)
    try:
        context.verify_binary(
            text[start:].encode(), xmlsec.Transform.RSA_SHA256, base64.b64decode(unquote(mac))
        )
    except xmlsec.Error:
        return False
    return True


@dataclass
class SamlProvider:
    """One identity provider. `sign_in` is where browsers are led; it is never asked by us."""

    name: str
    scopes: list[str]
    place: str = "127.0.0.1:1"
    keys: list[Key] = field(default_factory=list)
    signs_out: bool = False

    def __post_init__(self) -> None:
        self.keys = self.keys or [key_of(self.name)]

    @property
    def entity_id(self) -> str:
        return f"https://{self.name}.example/idp"

    @property
    def sign_in(self) -> str:
        return f"http://{self.place}/{self.name}/sso"

    def descriptor(self, *, until: float | None = None, extra: str = "") -> Any:
        scopes = "".join(
            f'<shibmd:Scope regexp="false">{one}</shibmd:Scope>' for one in self.scopes
        )
        keys = "".join(
            '<md:KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>'
            f"{key.bare}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
            for key in self.keys
        )
        end = "" if until is None else f' validUntil="{stamp(until)}"'
        out = f"http://{self.place}/{self.name}/slo"
        slo = (
            f'<md:SingleLogoutService Binding="{REDIRECT}" Location="{out}"/>'
            if self.signs_out
            else ""
        )
        return element(
            f'<md:EntityDescriptor xmlns:md="{METADATA}" xmlns:ds="{DSIG}" xmlns:shibmd="{SCOPE}" '
            f'ID="_{uuid4().hex}" entityID="{self.entity_id}"{end}>'
            f'<md:IDPSSODescriptor protocolSupportEnumeration="{PROTOCOL}">'
            f"<md:Extensions>{scopes}{extra}</md:Extensions>{keys}{slo}"
            f'<md:SingleSignOnService Binding="{REDIRECT}" Location="{self.sign_in}"/>'
            "</md:IDPSSODescriptor></md:EntityDescriptor>"
        )

    def metadata(self) -> str:
        return etree.tostring(self.descriptor()).decode()

    def response(self, asked: Any, **changes: Any) -> Any:
        """As yet unsigned, to this AuthnRequest. `changes` as in `Saying`."""
        saying = Saying(provider=self, asked=asked)
        for name, value in changes.items():
            assert hasattr(saying, name), name
            setattr(saying, name, value)
        return saying.response()

    def answer_to(
        self,
        location: str,
        *,
        bend: Callable[[Any], Any] | None = None,
        key: Key | None = None,
        **changes: Any,
    ) -> str:
        """SAMLResponse to where the browser was led; `bend` changes what was signed already."""
        root = self.response(message_in(location), **changes)
        signed(root, key or self.keys[0], place=root.find("saml:Assertion", NAMES))
        root = element(etree.tostring(root).decode())  # xmlsec's own nodes are not found
        return posted(bend(root) if bend else root)


def posted(root: Any) -> str:
    raw = root if isinstance(root, bytes) else etree.tostring(root)
    return base64.b64encode(raw).decode()


class Saying:
    """What an answer says; each attribute may be set to something else, None leaves it out."""

    def __init__(self, *, provider: SamlProvider, asked: Any) -> None:
        self.issuer: str | None = provider.entity_id
        self.in_response_to: str | None = None if asked is None else asked.get("ID")
        self.confirmed_in_response_to: str | None = self.in_response_to
        where = None if asked is None else asked.get("AssertionConsumerServiceURL")
        self.destination: str | None = where
        self.recipient: str | None = where
        self.audiences: list[list[str]] = []
        if asked is not None:
            self.audiences = [[asked.findtext("saml:Issuer", namespaces=NAMES)]]
        self.name_id = "name-1"
        self.name_format = PERSISTENT
        self.status = SUCCESS
        self.assertion_id = f"_{uuid4().hex}"
        self.from_seconds = -5.0
        self.until_seconds: float | None = 300.0
        self.bearer_seconds: float | None = 300.0
        self.bearer_from: float | None = None
        self.context = PASSWORD
        self.session_index = "index-1"
        self.attributes: dict[str, str | list[str] | None] = {}

    def response(self) -> Any:
        return element(
            f'<samlp:Response xmlns:samlp="{PROTOCOL}" xmlns:saml="{ASSERTION}" '
            f'ID="_{uuid4().hex}" Version="2.0" IssueInstant="{stamp()}"'
            f"{given('Destination', self.destination)}"
            f"{given('InResponseTo', self.in_response_to)}>"
            f"<saml:Issuer>{self.issuer}</saml:Issuer>"
            f'<samlp:Status><samlp:StatusCode Value="{self.status}"/></samlp:Status>'
            f"{self.assertion() if self.status == SUCCESS else ''}</samlp:Response>"
        )

    def assertion(self) -> str:
        audiences = "".join(
            "<saml:AudienceRestriction>"
            + "".join(f"<saml:Audience>{one}</saml:Audience>" for one in each)
            + "</saml:AudienceRestriction>"
            for each in self.audiences
        )
        return (
            f'<saml:Assertion ID="{self.assertion_id}" Version="2.0" IssueInstant="{stamp()}">'
            f"<saml:Issuer>{self.issuer}</saml:Issuer>"
            f'<saml:Subject><saml:NameID Format="{self.name_format}">{escape(self.name_id)}'
            f'</saml:NameID><saml:SubjectConfirmation Method="{BEARER}">'
            f"<saml:SubjectConfirmationData{given('Recipient', self.recipient)}"
            f"{given('InResponseTo', self.confirmed_in_response_to)}"
            f"{moment('NotBefore', self.bearer_from)}"
            f"{moment('NotOnOrAfter', self.bearer_seconds)}/>"
            f"</saml:SubjectConfirmation></saml:Subject>"
            f"<saml:Conditions{moment('NotBefore', self.from_seconds)}"
            f"{moment('NotOnOrAfter', self.until_seconds)}>{audiences}</saml:Conditions>"
            f'<saml:AuthnStatement AuthnInstant="{stamp()}" SessionIndex="{self.session_index}">'
            f"<saml:AuthnContext><saml:AuthnContextClassRef>{self.context}"
            "</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>"
            f"{self.statement()}</saml:Assertion>"
        )

    def statement(self) -> str:
        found = ""
        for name, values in self.attributes.items():
            if values is None:
                continue
            listed = [values] if isinstance(values, str) else values
            inside = "".join(
                f"<saml:AttributeValue>{escape(one)}</saml:AttributeValue>" for one in listed
            )
            # A friendly name that says something else is nothing to go by.
            found += (
                f'<saml:Attribute Name="{name}" FriendlyName="eduPersonPrincipalName" '
                'NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:uri">'
                f"{inside}</saml:Attribute>"
            )
        return f"<saml:AttributeStatement>{found}</saml:AttributeStatement>" if found else ""


def given(name: str, value: str | None) -> str:
    return "" if value is None else f' {name}="{value}"'


def moment(name: str, seconds: float | None) -> str:
    return "" if seconds is None else f' {name}="{stamp(seconds)}"'


class Federation(LoopbackServer):
    """Publishes its providers: `/all` as one signed document, `/mdq/entities/…` each for itself,
    and `/own/<name>` what a provider publishes itself, unsigned."""

    def __init__(self, name: str) -> None:
        federation = self

        class Handler(QuietHandler):
            def reply(self, method: str) -> None:
                federation.heard.append(self.path)
                body = federation.document(self.path)
                kind = {"Content-Type": "application/samlmetadata+xml"}
                self.send(404 if body is None else 200, body or b"", kind)

        super().__init__(Handler)
        self.name = name
        self.key = key_of(name)
        self.reset()

    def reset(self, providers: Iterable[SamlProvider] = ()) -> None:
        self.providers = list(providers)
        self.signs_with: Key | None = self.key
        self.until: float | None = 3600.0
        self.heard: list[str] = []
        self.bend: Callable[[Any], Any] = lambda root: root

    def document(self, path: str) -> bytes | None:
        if path == "/all":
            return etree.tostring(self.bend(self.aggregate()))
        for provider in self.providers:
            digest = hashlib.sha1(provider.entity_id.encode()).hexdigest()
            names = (quote(provider.entity_id, safe=""), f"%7Bsha1%7D{digest}")
            if path in [f"/mdq/entities/{one}" for one in names]:
                root = provider.descriptor(until=self.until)
                return etree.tostring(self.bend(self.sign(root)))
            if path == f"/own/{provider.name}":
                return provider.metadata().encode()
        return None

    def sign(self, root: Any) -> Any:
        return root if self.signs_with is None else signed(root, self.signs_with)

    def aggregate(self) -> Any:
        end = "" if self.until is None else f' validUntil="{stamp(self.until)}"'
        root = element(
            f'<md:EntitiesDescriptor xmlns:md="{METADATA}" ID="_{uuid4().hex}" '
            f'Name="{self.name}"{end}/>'
        )
        root.extend([one.descriptor() for one in self.providers])
        # As it comes over the network: signatures are made over what was parsed.
        return self.sign(element(etree.tostring(root).decode()))
