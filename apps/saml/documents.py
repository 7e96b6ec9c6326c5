"""XML of others: parsed without anything that could fetch or expand, signatures with known keys.

XML-Signature is checked by xmlsec. What is looked at before: that there is one signature, in its
place, over exactly the element that is used, by means that cannot be bent.
"""

import re
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Any, Final

import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

NAMES: Final = {
    "ds": "http://www.w3.org/2000/09/xmldsig#",
    "md": "urn:oasis:names:tc:SAML:2.0:metadata",
    "mdui": "urn:oasis:names:tc:SAML:metadata:ui",
    "saml": "urn:oasis:names:tc:SAML:2.0:assertion",
    "samlp": "urn:oasis:names:tc:SAML:2.0:protocol",
    "shibmd": "urn:mace:shibboleth:metadata:1.0",
    "xenc": "http://www.w3.org/2001/04/xmlenc#",
}
EXCLUSIVE: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED: Final = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
CANONICAL: Final = frozenset(
    {EXCLUSIVE, "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"}  # without comments
)
MORE: Final = "http://www.w3.org/2001/04/xmldsig-more#"
SIGNATURES: Final = frozenset(
    MORE + name
    for kind in ("rsa", "ecdsa")
    for name in (f"{kind}-sha256", f"{kind}-sha384", f"{kind}-sha512")
)
DIGESTS: Final = frozenset({f"{NAMES['xenc']}sha256", f"{MORE}sha384", f"{NAMES['xenc']}sha512"})
SAME_DOCUMENT: Final = re.compile(r"#[A-Za-z_][\w.-]*", re.ASCII)  # xmlsec opens other addresses
SMALLEST_RSA: Final = 2048  # bits
# Canonical forms take time by the square of these, and memory by the element.
MOST_NAMESPACES: Final = 48  # in force at one place; federations have some thirty
MOST_ATTRIBUTES: Final = 64  # of one element
BYTES_OF_MARK: Final = 16  # at least, for each "<" and "=" at the largest size; usual are 40
CERTIFICATE: Final = re.compile(
    r"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----"
)
Element = Any


class XmlRefused(ValueError):
    """A document that is not read, or a signature that does not hold; the text is for logs."""


def tag(name: str) -> str:
    """`saml:Assertion` as the parser calls it."""
    prefix, _colon, local = name.partition(":")
    return f"{{{NAMES[prefix]}}}{local}"


def parsed(raw: bytes, *, longest: int) -> Element:
    """The root element. No DTD and with it no entities, no processing instructions; comments are
    left out, so that none of them cuts a text in two. UTF-8. Raises `XmlRefused`."""
    if not 0 < len(raw) <= longest:
        raise XmlRefused("nothing, or too large")
    if raw.count(b"<") + raw.count(b"=") > longest // BYTES_OF_MARK:
        raise XmlRefused("too many elements")
    parser = etree.XMLParser(
        encoding="utf-8",  # whatever it says: its marks were counted so
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        huge_tree=False,
    )
    try:
        root = etree.fromstring(raw, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise XmlRefused("this is no XML") from error
    if root.getroottree().docinfo.doctype:
        raise XmlRefused("a document with a DTD")
    if next(root.iter(etree.ProcessingInstruction, etree.Entity), None) is not None:
        raise XmlRefused("a document with processing instructions or entities")
    _check_density(root)
    return root


def _check_density(root: Element) -> None:
    if root.xpath(f"boolean(descendant-or-self::*[count(@*) > {MOST_ATTRIBUTES}])"):
        raise XmlRefused("too many attributes")
    in_force = 0
    for event, _name in etree.iterwalk(root, events=("start-ns", "end-ns")):
        in_force += 1 if event == "start-ns" else -1
        if in_force > MOST_NAMESPACES:
            raise XmlRefused("too many namespaces")


def text_of(element: Element | None) -> str:
    return "" if element is None else (element.text or "").strip()


def check_signed(element: Element, certificates: Collection[str]) -> None:
    """That one of these certificates (PEM) signed this element, and nothing but it, as a whole.

    Raises `XmlRefused`. Certificates are keys with an envelope here, as SAML's metadata takes
    them: neither their dates nor who issued them count.
    """
    signature = _signature_of(element)
    for certificate in certificates:
        context = xmlsec.SignatureContext()
        try:
            # Only this element is found by its id, whatever else claims to have it.
            context.register_id(element, "ID")
            context.key = xmlsec.Key.from_memory(certificate, xmlsec.KeyFormat.CERT_PEM)
            context.verify(signature)
        except (xmlsec.Error, ValueError):
            continue
        return
    raise XmlRefused("not signed by a known key")


def _signature_of(element: Element) -> Element:
    """The one signature of this element, if it is one that we take."""
    found = element.findall("ds:Signature", NAMES)
    if len(found) != 1:
        raise XmlRefused("not signed" if not found else "signed twice")
    check_signature(found[0])
    references = found[0].findall("ds:SignedInfo/ds:Reference", NAMES)
    own_id = element.get("ID")
    if len(references) != 1 or not own_id or references[0].get("URI") != f"#{own_id}":
        raise XmlRefused("the signature is over something else")
    same = (
        element.getroottree()
        .getroot()
        .xpath("descendant-or-self::*[@ID=$id or @Id=$id or @id=$id or @xml:id=$id]", id=own_id)
    )
    if same != [element]:
        raise XmlRefused("several elements have this id")
    return found[0]


def check_signature(signature: Element) -> None:
    """Over one element of this document. SHA-2, RSA or ECDSA, canonical forms without comments."""
    for path, attribute, allowed in (
        ("ds:SignedInfo/ds:CanonicalizationMethod", "Algorithm", CANONICAL),
        ("ds:SignedInfo/ds:SignatureMethod", "Algorithm", SIGNATURES),
        ("ds:SignedInfo/ds:Reference/ds:DigestMethod", "Algorithm", DIGESTS),
        (
            "ds:SignedInfo/ds:Reference/ds:Transforms/ds:Transform",
            "Algorithm",
            CANONICAL | {ENVELOPED},
        ),
    ):
        found = signature.findall(path, NAMES)
        if not found or any(one.get(attribute) not in allowed for one in found):
            raise XmlRefused(f"an algorithm that is not taken: {path.rpartition(':')[2]}")
    references = list(signature.iter(tag("ds:Reference")))
    if len(references) != 1 or not SAME_DOCUMENT.fullmatch(references[0].get("URI", "")):
        raise XmlRefused("the signature is over something else")
    named = [
        one.get("PrefixList", "") for one in signature.iter(f"{{{EXCLUSIVE}}}InclusiveNamespaces")
    ]
    if len(" ".join(named).split()) > MOST_NAMESPACES:
        raise XmlRefused("too many namespaces")
    if signature.findall("ds:Object", NAMES):
        raise XmlRefused("a signature with something in it")


@lru_cache(maxsize=256)
def certificate_of(text: str) -> str:
    """A certificate in PEM, of PEM or bare base64; raises `XmlRefused` for weak and wrong ones."""
    body = re.sub(r"-----[A-Z ]+-----|\s", "", text)
    pem = f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"
    try:
        found = x509.load_pem_x509_certificate(pem.encode("ascii"))
        key = found.public_key()
    except (ValueError, TypeError) as error:
        raise XmlRefused("this is no certificate") from error
    strong = (isinstance(key, rsa.RSAPublicKey) and key.key_size >= SMALLEST_RSA) or (
        isinstance(key, ec.EllipticCurvePublicKey)
        and isinstance(key.curve, ec.SECP256R1 | ec.SECP384R1 | ec.SECP521R1)
    )
    if not strong:
        raise XmlRefused("a certificate with a weak key")
    return found.public_bytes(Encoding.PEM).decode()


def fingerprint(certificate: str) -> str:
    """SHA-256, as tools print it."""
    found = x509.load_pem_x509_certificate(certificate.encode())
    return found.fingerprint(SHA256()).hex(":").upper()


def certificates_in(text: str) -> list[str]:
    """Of a text with certificates in PEM, one after the other; raises `XmlRefused`."""
    found = [certificate_of(one) for one in CERTIFICATE.findall(text)]
    if not found or CERTIFICATE.sub("", text).strip():
        raise XmlRefused("this is no certificate in PEM")
    return found


def usable(texts: Iterable[str]) -> list[str]:
    """Those of these certificates that we take."""
    found = []
    for text in texts:
        try:
            found.append(certificate_of(text))
        except XmlRefused:
            continue
    return list(dict.fromkeys(found))
