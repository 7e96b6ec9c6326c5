"""XML of others and its signatures, metadata, and the moments in it."""

from datetime import UTC, datetime
from typing import Any

import pytest
import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from lxml import etree

from apps.saml.documents import (
    EXCLUSIVE,
    MOST_ATTRIBUTES,
    MOST_NAMESPACES,
    NAMES,
    XmlRefused,
    certificates_in,
    check_signed,
    fingerprint,
    parsed,
)
from apps.saml.entities import MOST_CERTIFICATES, end_of, entity_of, moment_of
from tests.identity_providers.saml_server import Key, SamlProvider, element, key_of, signed


def document(key: Key, **means: Any) -> Any:
    root = signed(element('<a ID="_1"><b ID="_2">text</b></a>'), key, **means)
    return parsed(etree.tostring(root), longest=1 << 16)


def made(private: Any) -> Key:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1))
        .not_valid_after(datetime(2040, 1, 1))
        .sign(private, hashes.SHA256())
    )
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return Key(pem, certificate.public_bytes(serialization.Encoding.PEM).decode())


def test_a_signature_by_one_of_the_known_keys_holds() -> None:
    own, other = key_of("own"), key_of("other")
    check_signed(document(own), [other.certificate, own.certificate])
    for keys in ([other.certificate], [], ["no certificate"]):
        with pytest.raises(XmlRefused, match="not signed by a known key"):
            check_signed(document(own), keys)


def test_a_signature_by_an_elliptic_curve_holds_too() -> None:
    key = made(ec.generate_private_key(ec.SECP256R1()))
    check_signed(
        document(key, signature=xmlsec.Transform.ECDSA_SHA256), certificates_in(key.certificate)
    )


def test_what_was_changed_does_not_hold() -> None:
    own = key_of("own")
    for change in ("text", "id", "part"):
        root = document(own)
        if change == "text":
            root.find("b").text = "other"
        elif change == "id":
            root.find("b").set("ID", "_1")  # two elements with the id that is signed
        else:
            root = root.find("b")
        with pytest.raises(XmlRefused):
            check_signed(root, [own.certificate])


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"text",
        b"<a>",
        b"<a/>" * 2,
        b"<!DOCTYPE a><a/>",
        b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        b'<!DOCTYPE a [<!ENTITY % b SYSTEM "http://127.0.0.1/">%b;]><a/>',
        b"<a><?b c?></a>",
        b"<a>&b;</a>",
        b"<a>" * 300 + b"</a>" * 300,
        "<!DOCTYPE a><a/>".encode("utf-16"),
        b"<a>" + b"x" * 100 + b"</a>",
    ],
)
def test_what_is_not_read(raw: bytes) -> None:
    with pytest.raises(XmlRefused):
        parsed(raw, longest=100 if raw.endswith(b"x</a>") else 1 << 16)


def test_certificates_of_weak_keys_and_other_texts_are_refused() -> None:
    weak = made(rsa.generate_private_key(public_exponent=65537, key_size=1024))
    small = made(ec.generate_private_key(ec.SECP192R1()))
    right = key_of("own").certificate
    for text in (weak.certificate, small.certificate, "", "abc", right + "abc", right[:-60]):
        with pytest.raises(XmlRefused):
            certificates_in(text)
    assert certificates_in(f"\n{right}\n{right}") == [right, right]
    assert len(fingerprint(right).split(":")) == 32


def test_moments_have_a_zone_or_are_utc() -> None:
    noon = datetime(2026, 11, 30, 12, tzinfo=UTC)
    for text in ("2026-11-30T12:00:00Z", "2026-11-30T13:00:00+01:00", " 2026-11-30T12:00:00 "):
        assert moment_of(text) == noon
    for text in ("", "yesterday", "2026-13-01T00:00:00Z"):
        with pytest.raises(XmlRefused):
            moment_of(text)


def test_the_nearest_end_of_an_entity_counts() -> None:
    root = element('<a validUntil="2026-12-02T00:00:00Z"/>')
    root.append(SamlProvider("north", []).descriptor())
    root[0].set("validUntil", "2026-12-01T00:00:00Z")
    assert end_of(root) == datetime(2026, 12, 2, tzinfo=UTC)
    assert entity_of(root[0]).until == "2026-12-01T00:00:00+00:00"
    root[0][0].set("validUntil", "2026-11-01T00:00:00Z")
    assert entity_of(root[0]).until == "2026-11-01T00:00:00+00:00"


def test_marks_attributes_and_namespaces_are_few() -> None:
    def names(number: int) -> str:
        return " ".join(f'xmlns:n{one}="urn:{one}"' for one in range(number))

    def inside(number: int) -> str:
        return f"<a {names(number)}><b {names(number)}/></a>"

    def attributes(number: int) -> str:
        return "<a " + " ".join(f'n{one}="{one}"' for one in range(number)) + "/>"

    for text in (
        "<a>" + "<b/>" * 4000 + "</a>",
        attributes(MOST_ATTRIBUTES),
        f"<a {names(MOST_NAMESPACES)}/>",
        f"<a>{f'<b {names(MOST_NAMESPACES)}/>' * 3}</a>",
        inside(MOST_NAMESPACES // 2),
    ):
        assert parsed(text.encode(), longest=1 << 16).tag == "a"
    for text in (
        "<a>" + "<b/>" * 4100 + "</a>",
        "<a>" + "<b" + ' c=""' * 4100 + "/></a>",
        attributes(MOST_ATTRIBUTES + 1),
        f"<a {names(MOST_NAMESPACES + 1)}/>",
        inside(MOST_NAMESPACES // 2 + 1),
    ):
        with pytest.raises(XmlRefused, match="too many"):
            parsed(text.encode(), longest=1 << 16)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32", "cp037", "utf-7"])
def test_other_encodings_hide_nothing(encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?><a>{"<b/>" * 4100}</a>'
    with pytest.raises(XmlRefused):
        parsed(text.encode(encoding), longest=1 << 16)


def test_a_signature_names_few_prefixes() -> None:
    own = key_of("own")
    root = signed(element('<a ID="_1"><b ID="_2">text</b></a>'), own)
    inclusive = etree.SubElement(
        root.findall(".//ds:Transform", NAMES)[1], f"{{{EXCLUSIVE}}}InclusiveNamespaces"
    )
    for number, why in ((MOST_NAMESPACES, "known key"), (MOST_NAMESPACES + 1, "too many")):
        inclusive.set("PrefixList", " ".join(f"n{one}" for one in range(number)))
        with pytest.raises(XmlRefused, match=why):
            check_signed(parsed(etree.tostring(root), longest=1 << 16), [own.certificate])


def test_of_a_provider_ten_keys_are_tried() -> None:
    keys = [made(ec.generate_private_key(ec.SECP256R1())) for _each in range(12)]
    idp = SamlProvider("north", ["north.example"], keys=keys)
    assert len(entity_of(idp.descriptor()).certificates) == MOST_CERTIFICATES
