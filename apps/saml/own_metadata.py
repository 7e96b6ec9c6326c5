"""What the campus publishes about itself for SAML providers (SAML 2.0 Metadata, §2.4.4)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lxml import etree

from apps.saml.attributes import PAIRWISE
from apps.saml.documents import NAMES, Element, tag
from apps.saml.entities import REDIRECT

POST: Final = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
# What is read of encrypted assertions: authenticated ciphers, and keys that no padding gives away.
CIPHERS: Final = (
    "http://www.w3.org/2009/xmlenc11#aes256-gcm",
    "http://www.w3.org/2009/xmlenc11#aes128-gcm",
)
KEY_TRANSPORT: Final = "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p"
SUBJECT_ID: Final = "urn:oasis:names:tc:SAML:profiles:subject-id:req"
ATTRIBUTE: Final = "urn:oasis:names:tc:SAML:metadata:attribute"
URI: Final = "urn:oasis:names:tc:SAML:2.0:attrname-format:uri"
LANGUAGE: Final = "{http://www.w3.org/XML/1998/namespace}lang"


@dataclass(frozen=True, kw_only=True)
class Own:
    """Who we are to providers. `receives`: one address for each of the campus's domains."""

    entity_id: str
    name: str
    receives: Sequence[str]
    signs_out: Sequence[str]
    certificates: Sequence[str]


def own_metadata(own: Own) -> bytes:
    names = {name: NAMES[name] for name in ("md", "ds", "mdui", "saml")}
    root = etree.Element(
        tag("md:EntityDescriptor"),
        {"entityID": own.entity_id},
        nsmap={**names, "mdattr": ATTRIBUTE},
    )
    _wishes(etree.SubElement(root, tag("md:Extensions")))
    role = etree.SubElement(
        root,
        tag("md:SPSSODescriptor"),
        {
            "protocolSupportEnumeration": NAMES["samlp"],
            "AuthnRequestsSigned": "true",
            "WantAssertionsSigned": "true",
        },
    )
    info = etree.SubElement(etree.SubElement(role, tag("md:Extensions")), tag("mdui:UIInfo"))
    etree.SubElement(info, tag("mdui:DisplayName"), {LANGUAGE: "en"}).text = own.name
    for certificate in own.certificates:
        _key(role, certificate)
    for address in own.signs_out:
        etree.SubElement(
            role, tag("md:SingleLogoutService"), {"Binding": REDIRECT, "Location": address}
        )
    for number, address in enumerate(own.receives):
        place = {"Binding": POST, "Location": address, "index": str(number)}
        if number == 0:
            place["isDefault"] = "true"
        etree.SubElement(role, tag("md:AssertionConsumerService"), place)
    written: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    return written


def _wishes(extensions: Element) -> None:
    """An id that is made for us alone: pairwise-id."""
    holder = etree.SubElement(extensions, f"{{{ATTRIBUTE}}}EntityAttributes")
    wish = etree.SubElement(holder, tag("saml:Attribute"), {"Name": SUBJECT_ID, "NameFormat": URI})
    etree.SubElement(wish, tag("saml:AttributeValue")).text = PAIRWISE.rpartition(":")[2]


def _key(role: Element, certificate: str) -> None:
    """For both uses: it signs what we ask, and what is sent to us may be encrypted to it."""
    key = etree.SubElement(role, tag("md:KeyDescriptor"))
    data = etree.SubElement(etree.SubElement(key, tag("ds:KeyInfo")), tag("ds:X509Data"))
    lines = [line for line in certificate.splitlines() if line and "-----" not in line]
    etree.SubElement(data, tag("ds:X509Certificate")).text = "\n".join(["", *lines, ""])
    for algorithm in (*CIPHERS, KEY_TRANSPORT):
        etree.SubElement(key, tag("md:EncryptionMethod"), {"Algorithm": algorithm})
