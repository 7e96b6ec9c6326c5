"""What a provider's SAML metadata says: its addresses, its keys and its scopes. No network."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from apps.saml.documents import (
    NAMES,
    Element,
    XmlRefused,
    tag,
    text_of,
    usable,
)

REDIRECT: Final = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
LONGEST_ADDRESS: Final = 500
MOST_SCOPES: Final = 200
MOST_CERTIFICATES: Final = 10  # each costs an attempt


@dataclass(frozen=True, kw_only=True)
class Entity:
    """Stored as `IdentityProvider.entity`. `until`: after that nothing of it holds (ISO 8601; ""
    where the metadata names no end)."""

    sign_in: str
    certificates: list[str]
    scopes: list[str]
    sign_out: str = ""
    sign_out_answer: str = ""
    until: str = ""

    @classmethod
    def kept(cls, value: Any) -> "Entity | None":
        return cls(**value) if isinstance(value, dict) else None

    def stored(self) -> dict[str, Any]:
        return asdict(self)

    def holds(self, now: datetime) -> bool:
        return not self.until or now < datetime.fromisoformat(self.until)


def moment_of(text: str) -> datetime:
    """`xs:dateTime`; without a zone it is UTC. Raises `XmlRefused`."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise XmlRefused("this is no date") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def end_of(element: Element) -> datetime | None:
    """`validUntil`, the nearest of this element and those around it."""
    found = [
        moment_of(one.get("validUntil"))
        for one in (element, *element.iterancestors())
        if one.get("validUntil")
    ]
    return min(found, default=None)


def entities_in(root: Element) -> Iterator[Element]:
    """Each entity of a document with one or many."""
    return root.iter(tag("md:EntityDescriptor"))


def entity_of(element: Element) -> Entity:
    """Of an EntityDescriptor; raises `XmlRefused` for one by which nobody can sign in."""
    roles = [
        one
        for one in element.findall("md:IDPSSODescriptor", NAMES)
        if NAMES["samlp"] in (one.get("protocolSupportEnumeration") or "").split()
    ]
    if len(roles) != 1:
        raise XmlRefused("this is no identity provider of SAML 2.0")
    role = roles[0]
    sign_in, _answer = _service(role, "md:SingleSignOnService")
    certificates = usable(_certificates(role))[:MOST_CERTIFICATES]
    if not sign_in or not certificates:
        raise XmlRefused("no address with HTTP-Redirect, or no usable certificate")
    sign_out, sign_out_answer = _service(role, "md:SingleLogoutService")
    until = end_of(role)
    return Entity(
        sign_in=sign_in,
        sign_out=sign_out,
        sign_out_answer=sign_out_answer or sign_out,
        certificates=certificates,
        scopes=_scopes(element, role),
        until=until.isoformat() if until else "",
    )


def _service(role: Element, name: str) -> tuple[str, str]:
    """The first with HTTP-Redirect, and where its answers go."""
    for one in role.findall(name, NAMES):
        address = one.get("Location") or ""
        if one.get("Binding") == REDIRECT and 0 < len(address) <= LONGEST_ADDRESS:
            return address, (one.get("ResponseLocation") or "")[:LONGEST_ADDRESS]
    return "", ""


def _certificates(role: Element) -> Iterator[str]:
    for key in role.findall("md:KeyDescriptor", NAMES):
        if key.get("use") in (None, "signing"):
            for one in key.findall("ds:KeyInfo/ds:X509Data/ds:X509Certificate", NAMES):
                yield text_of(one)


def _scopes(element: Element, role: Element) -> list[str]:
    """Plain names alone: a pattern is not taken."""
    found = [
        text_of(one).lower()
        for place in (element, role)
        for one in place.findall("md:Extensions/shibmd:Scope", NAMES)
        if one.get("regexp") not in ("true", "1")
    ]
    return sorted(set(filter(None, found)))[:MOST_SCOPES]
