"""What we ask of a SAML provider, and what its answer has to be before it is believed.

SAML 2.0 Bindings §3.4 (HTTP-Redirect), Profiles §4.1 (web browser SSO). python3-saml judges the
answer by the schema and the profile; what it leaves open is refused here.
"""

import base64
import binascii
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from lxml import etree
from onelogin.saml2.response import OneLogin_Saml2_Response
from onelogin.saml2.settings import OneLogin_Saml2_Settings
from onelogin.saml2.utils import OneLogin_Saml2_Utils

from apps.saml.documents import (
    MORE,
    NAMES,
    SAME_DOCUMENT,
    Element,
    XmlRefused,
    check_signature,
    check_signed,
    parsed,
    tag,
    text_of,
)
from apps.saml.entities import Entity, moment_of
from apps.saml.keys import OwnKey
from apps.saml.own_metadata import CIPHERS, KEY_TRANSPORT, POST

LEEWAY: Final = timedelta(seconds=60)  # by which clocks may differ
LONGEST: Final = 1 << 18  # bytes of an answer
LONGEST_ID: Final = 255
BEARER: Final = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
SUCCESS: Final = "urn:oasis:names:tc:SAML:2.0:status:Success"
SIGNED_BY: Final = f"{MORE}rsa-sha256"
# Certificates say whose key it is: they are read over, and only of the same document.
IN_ENCRYPTED: Final = frozenset(
    tag(name)
    for name in (
        "saml:EncryptedAssertion",
        *(f"xenc:{one}" for one in ("EncryptedData", "EncryptedKey", "EncryptionMethod")),
        *(f"xenc:{one}" for one in ("CipherData", "CipherValue", "CarriedKeyName")),
        *(f"xenc:{one}" for one in ("ReferenceList", "DataReference", "KeyReference")),
        *(f"ds:{one}" for one in ("KeyInfo", "KeyName", "RetrievalMethod", "DigestMethod")),
        *(f"ds:{one}" for one in ("X509Data", "X509Certificate", "X509IssuerSerial")),
        *(f"ds:{one}" for one in ("X509IssuerName", "X509SerialNumber", "X509SubjectName")),
        *(f"ds:{one}" for one in ("X509SKI", "KeyValue", "RSAKeyValue", "Modulus", "Exponent")),
    )
)


class AnswerRefused(ValueError):
    """An answer that is not believed; the text is for the log and holds nothing of it.

    `declined`: the provider itself says that nobody signed in.
    """

    def __init__(self, why: str, *, declined: bool = False) -> None:
        super().__init__(why)
        self.declined = declined


@dataclass(frozen=True, kw_only=True)
class Ends:
    """Both ends of the conversation: their names, our address, their keys and ours."""

    issuer: str
    audience: str
    receives: str
    entity: Entity
    keys: Sequence[OwnKey]


@dataclass(frozen=True, kw_only=True)
class Believed:
    """An assertion that is genuine, current, and made for us. `until`: it is good so long."""

    assertion: Element
    assertion_id: str
    answers: str
    until: datetime


# --- What is asked -----------------------------------------------------------------------------


def new_id() -> str:
    return f"_{secrets.token_hex(20)}"


def instant(now: datetime) -> str:
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def authn_request(ends: Ends, *, request_id: str, now: datetime) -> bytes:
    root = etree.Element(
        tag("samlp:AuthnRequest"),
        {
            "ID": request_id,
            "Version": "2.0",
            "IssueInstant": instant(now),
            "Destination": ends.entity.sign_in,
            "AssertionConsumerServiceURL": ends.receives,
            "ProtocolBinding": POST,
        },
        nsmap={"samlp": NAMES["samlp"], "saml": NAMES["saml"]},
    )
    etree.SubElement(root, tag("saml:Issuer")).text = ends.audience
    etree.SubElement(root, tag("samlp:NameIDPolicy"), {"AllowCreate": "true"})
    written: bytes = etree.tostring(root)
    return written


def redirect_to(address: str, name: str, message: bytes, key: OwnKey, *, state: str = "") -> str:
    """The address with the message, deflated and signed (Bindings §3.4.4.1)."""
    query = {name: OneLogin_Saml2_Utils.deflate_and_base64_encode(message)}
    if state:
        query["RelayState"] = state
    query["SigAlg"] = SIGNED_BY
    signed = urlencode(query, quote_via=quote, safe="")
    mac = OneLogin_Saml2_Utils.sign_binary(signed, key.private)
    signature = quote(base64.b64encode(mac).decode(), safe="")
    joint = "&" if urlsplit(address).query else "?"
    return f"{address}{joint}{signed}&Signature={signature}"


# --- What is answered --------------------------------------------------------------------------


def decoded(text: str) -> bytes:
    """The XML of a posted message. Raises `AnswerRefused`."""
    if not 0 < len(text) <= LONGEST * 4 // 3 + 4:
        raise AnswerRefused("nothing, or too large")
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise AnswerRefused("not base64") from error


def opened(raw: bytes) -> Element:
    """The Response, as yet unbelieved. Raises `AnswerRefused`."""
    try:
        root = parsed(raw, longest=LONGEST)
    except XmlRefused as error:
        raise AnswerRefused(str(error)) from error
    if root.tag != tag("samlp:Response"):
        raise AnswerRefused("this is no answer of SAML")
    return root


def issuer_of(response: Element) -> str:
    """Who it says it is from; nothing is believed by that."""
    names = response.findall("saml:Issuer", NAMES) or response.findall(
        "saml:Assertion/saml:Issuer", NAMES
    )
    return text_of(names[0]) if len(names) == 1 else ""


def believed(raw: bytes, ends: Ends, *, now: datetime) -> Believed:
    """The assertion in this answer. Raises `AnswerRefused`."""
    response = opened(raw)
    _check_status(response)
    _check_signatures(response)
    document = _by_profile(raw, response, ends)
    assertions = list(document.iter(tag("saml:Assertion")))
    if len(assertions) != 1 or assertions[0].getparent() is not document:
        raise AnswerRefused("not one assertion in its place")
    assertion = assertions[0]
    _guarded(check_signed, assertion, ends.entity.certificates)
    return _read(document, assertion, ends, now)


def _guarded(check: Any, *arguments: Any) -> Any:
    try:
        return check(*arguments)
    except XmlRefused as error:
        raise AnswerRefused(str(error)) from error


def _check_signatures(document: Element) -> None:
    for signature in document.iter(tag("ds:Signature")):
        _guarded(check_signature, signature)


def _check_status(response: Element) -> None:
    codes = response.findall("samlp:Status/samlp:StatusCode", NAMES)
    if [one.get("Value") for one in codes] != [SUCCESS]:
        raise AnswerRefused("the provider signed nobody in", declined=True)


def _by_profile(raw: bytes, response: Element, ends: Ends) -> Element:
    """The answer as python3-saml judges it, with each of our keys that it may be encrypted to."""
    encrypted = response.findall(".//saml:EncryptedAssertion", NAMES)
    for one in encrypted:
        _check_encryption(one)
    keys = list(ends.keys) if encrypted else list(ends.keys)[:1]
    if not keys:
        raise AnswerRefused("we have no key")
    place = urlsplit(ends.receives)
    asked = {
        "https": "on" if place.scheme == "https" else "off",
        "http_host": place.netloc,
        "script_name": place.path,
    }
    why: Exception | None = None
    for key in keys:
        try:
            answer = OneLogin_Saml2_Response(_settings(ends, key), base64.b64encode(raw))
            # Read anew: of what was encrypted nothing was looked at yet, by anybody.
            document = parsed(etree.tostring(answer.get_xml_document()), longest=LONGEST)
            _check_signatures(document)
            answer.is_valid(asked, raise_exceptions=True)
            return document
        except Exception as error:  # the library's are of any kind, bare ones too
            why = error
    raise AnswerRefused(f"not by the profile: {type(why).__name__}: {_named(why)}")


def _named(error: Exception | None) -> str:
    """The kind of what python3-saml refused, without its words: they quote the answer."""
    return str(getattr(error, "code", ""))


def _check_encryption(element: Element) -> None:
    """An authenticated cipher, and a key by OAEP: nothing can be learned by changing bits.

    Nothing in it but what a provider needs: of other parts xmlsec would open files by their names.
    """
    for one in element.iter():
        if one.tag not in IN_ENCRYPTED or not SAME_DOCUMENT.fullmatch(one.get("URI", "#a")):
            raise AnswerRefused("encrypted with parts that are not taken")
    methods = [one.get("Algorithm") for one in element.iter(tag("xenc:EncryptionMethod"))]
    ciphers = element.findall("xenc:EncryptedData/xenc:EncryptionMethod", NAMES)
    if [one for one in methods if one not in {*CIPHERS, KEY_TRANSPORT}] or [
        one.get("Algorithm") in CIPHERS for one in ciphers
    ] != [True]:
        raise AnswerRefused("encrypted by means that are not taken")


def _settings(ends: Ends, key: OwnKey) -> OneLogin_Saml2_Settings:
    return OneLogin_Saml2_Settings(
        {
            "strict": True,
            "sp": {
                "entityId": ends.audience,
                "assertionConsumerService": {"url": ends.receives, "binding": POST},
                "x509cert": key.certificate,
                "privateKey": key.private,
            },
            "idp": {
                "entityId": ends.issuer,
                "singleSignOnService": {"url": ends.receives},  # not used: addresses are checked
                "x509certMulti": {"signing": ends.entity.certificates},
            },
            "security": {
                "wantAssertionsSigned": True,
                "wantNameId": False,
                "wantAttributeStatement": False,
                "allowRepeatAttributeName": True,
                "rejectDeprecatedAlgorithm": True,
                "requestedAuthnContext": False,
                "allowSingleLabelDomains": True,
            },
        }
    )


def _read(document: Element, assertion: Element, ends: Ends, now: datetime) -> Believed:
    if text_of(assertion.find("saml:Issuer", NAMES)) != ends.issuer:
        raise AnswerRefused("an assertion of another provider")
    if document.get("Destination") not in (None, ends.receives):
        raise AnswerRefused("made for another address")
    try:
        conditions = _check_conditions(assertion, ends.audience, now)
        answers = document.get("InResponseTo") or ""
        until = _check_subject(assertion, ends.receives, answers, now)
    except XmlRefused as error:
        raise AnswerRefused(str(error)) from error
    assertion_id = assertion.get("ID") or ""
    if not 0 < len(assertion_id) <= LONGEST_ID:
        raise AnswerRefused("an assertion without an id")
    return Believed(
        assertion=assertion,
        assertion_id=assertion_id,
        answers=answers,
        until=min(until, conditions) if conditions else until,
    )


def _check_conditions(assertion: Element, audience: str, now: datetime) -> datetime | None:
    (conditions,) = assertion.findall("saml:Conditions", NAMES)  # the profile has one
    before, end = conditions.get("NotBefore"), conditions.get("NotOnOrAfter")
    if before and moment_of(before) > now + LEEWAY:
        raise AnswerRefused("not yet good")
    until = moment_of(end) if end else None
    if until and until <= now - LEEWAY:
        raise AnswerRefused("no longer good")
    restrictions = conditions.findall("saml:AudienceRestriction", NAMES)
    if not restrictions or not all(
        audience in [text_of(one) for one in each.findall("saml:Audience", NAMES)]
        for each in restrictions
    ):
        raise AnswerRefused("made for another service")
    return until


def _check_subject(assertion: Element, receives: str, answers: str, now: datetime) -> datetime:
    """Until when a bearer may bring it here, in answer to this request (Profiles §4.1.4.2)."""
    for one in assertion.findall("saml:Subject/saml:SubjectConfirmation", NAMES):
        data = one.find("saml:SubjectConfirmationData", NAMES)
        if one.get("Method") != BEARER or data is None or not data.get("NotOnOrAfter"):
            continue
        until = moment_of(data.get("NotOnOrAfter"))
        if (
            data.get("Recipient") == receives
            and (data.get("InResponseTo") or "") == answers
            and not data.get("NotBefore")
            and until > now - LEEWAY
        ):
            return until
    raise AnswerRefused("nobody may bring it here now")
