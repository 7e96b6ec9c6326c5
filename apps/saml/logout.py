"""Single logout by redirects: Profiles §4.4, Bindings §3.4.4.1."""

import base64
import binascii
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import unquote_plus

import xmlsec
from lxml import etree

from apps.saml.documents import MORE, NAMES, Element, XmlRefused, parsed, tag, text_of
from apps.saml.entities import moment_of
from apps.saml.messages import LEEWAY, SUCCESS, AnswerRefused, instant, new_id

LONGEST: Final = 1 << 16  # bytes, inflated
LONGEST_STATE: Final = 1024
GOOD_FOR: Final = timedelta(minutes=5)
TRANSFORMS: Final = {
    f"{MORE}rsa-sha256": xmlsec.Transform.RSA_SHA256,
    f"{MORE}rsa-sha384": xmlsec.Transform.RSA_SHA384,
    f"{MORE}rsa-sha512": xmlsec.Transform.RSA_SHA512,
    f"{MORE}ecdsa-sha256": xmlsec.Transform.ECDSA_SHA256,
    f"{MORE}ecdsa-sha384": xmlsec.Transform.ECDSA_SHA384,
    f"{MORE}ecdsa-sha512": xmlsec.Transform.ECDSA_SHA512,
}
SIGNED: Final = ("SAMLRequest", "RelayState", "SigAlg")


@dataclass(frozen=True, kw_only=True)
class SessionName:
    """By which name the provider knows somebody who signed in, and the session there."""

    value: str
    format: str = ""
    qualifier: str = ""
    own_qualifier: str = ""
    index: str = ""

    @classmethod
    def of(cls, assertion: Element) -> "SessionName | None":
        name = assertion.find("saml:Subject/saml:NameID", NAMES)
        if not text_of(name):
            return None
        statement = assertion.find("saml:AuthnStatement", NAMES)
        return cls(
            value=text_of(name),
            format=name.get("Format") or "",
            qualifier=name.get("NameQualifier") or "",
            own_qualifier=name.get("SPNameQualifier") or "",
            index=(statement.get("SessionIndex") if statement is not None else "") or "",
        )


@dataclass(frozen=True, kw_only=True)
class SignOut:
    """A request to sign somebody out, from a provider whose signature was checked."""

    request_id: str
    name: str
    state: str


def logout_request(*, own: str, address: str, name: SessionName, now: datetime) -> bytes:
    root = _message("samlp:LogoutRequest", own=own, address=address, now=now)
    root.set("NotOnOrAfter", instant(now + GOOD_FOR))
    given = {
        "Format": name.format,
        "NameQualifier": name.qualifier,
        "SPNameQualifier": name.own_qualifier,
    }
    named = {key: value for key, value in given.items() if value}
    etree.SubElement(root, tag("saml:NameID"), named).text = name.value
    if name.index:
        etree.SubElement(root, tag("samlp:SessionIndex")).text = name.index
    written: bytes = etree.tostring(root)
    return written


def logout_response(*, own: str, address: str, answers: str, now: datetime) -> bytes:
    root = _message("samlp:LogoutResponse", own=own, address=address, now=now)
    root.set("InResponseTo", answers)
    status = etree.SubElement(root, tag("samlp:Status"))
    etree.SubElement(status, tag("samlp:StatusCode"), {"Value": SUCCESS})
    written: bytes = etree.tostring(root)
    return written


def _message(name: str, *, own: str, address: str, now: datetime) -> Any:
    root = etree.Element(
        tag(name),
        {
            "ID": new_id(),
            "Version": "2.0",
            "IssueInstant": instant(now),
            "Destination": address,
        },
        nsmap={"samlp": NAMES["samlp"], "saml": NAMES["saml"]},
    )
    etree.SubElement(root, tag("saml:Issuer")).text = own
    return root


def request_in(query: str) -> Element:
    """The LogoutRequest in this query, as yet unbelieved. Raises `AnswerRefused`."""
    try:
        packed = base64.b64decode(unquote_plus(_raw(query, "SAMLRequest")), validate=True)
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        raw = inflater.decompress(packed, LONGEST)
        root = parsed(raw, longest=LONGEST)
    except (binascii.Error, zlib.error, XmlRefused, ValueError) as error:
        raise AnswerRefused("this is no request of SAML") from error
    if root.tag != tag("samlp:LogoutRequest"):
        raise AnswerRefused("another request")
    return root


def sign_out_of(query: str, *, certificates: Sequence[str], address: str, now: datetime) -> SignOut:
    """The request, if one of these keys signed it, for this address, just now.

    Raises `AnswerRefused`.
    """
    root = request_in(query)
    _check_query(query, certificates)
    if root.get("Destination") != address:
        raise AnswerRefused("made for another address")
    try:
        made = moment_of(root.get("IssueInstant") or "")
        end = root.get("NotOnOrAfter")
        over = bool(end) and moment_of(end) <= now - LEEWAY
    except XmlRefused as error:
        raise AnswerRefused(str(error)) from error
    if over or not now - GOOD_FOR - LEEWAY < made < now + LEEWAY:
        raise AnswerRefused("not good now")
    name, request_id = text_of(root.find("saml:NameID", NAMES)), root.get("ID") or ""
    if not name or not request_id:
        raise AnswerRefused("it names nobody")
    state = unquote_plus(_raw(query, "RelayState", needed=False))
    return SignOut(request_id=request_id, name=name, state=state[:LONGEST_STATE])


def _raw(query: str, name: str, *, needed: bool = True) -> str:
    """A value as it was sent, which is what was signed."""
    found = [part[len(name) + 1 :] for part in query.split("&") if part.startswith(f"{name}=")]
    if len(found) > 1 or (needed and not found):
        raise AnswerRefused(f"not one {name}")
    return found[0] if found else ""


def _check_query(query: str, certificates: Sequence[str]) -> None:
    names = [one.partition("=")[0] for one in query.split("&")]
    sent = [name for name in SIGNED if name != "RelayState" or name in names]
    parts = {name: _raw(query, name) for name in sent}
    transform = TRANSFORMS.get(unquote_plus(parts["SigAlg"]))
    if transform is None:
        raise AnswerRefused("an algorithm that is not taken")
    text = "&".join(f"{name}={parts[name]}" for name in sent)
    try:
        mac = base64.b64decode(unquote_plus(_raw(query, "Signature")), validate=True)
    except (binascii.Error, ValueError) as error:
        raise AnswerRefused("not signed") from error
    for certificate in certificates:
        context = xmlsec.SignatureContext()
        try:
            context.key = xmlsec.Key.from_memory(certificate, xmlsec.KeyFormat.CERT_PEM)
            context.verify_binary(text.encode(), transform, mac)
        except (xmlsec.Error, ValueError):
            continue
        return
    raise AnswerRefused("not signed by a known key")
