"""What an assertion says of a person, as the claims that rules and settings read.

A scope (the part after the @) counts only where the provider may speak for it: otherwise one
university of a federation could name the people of another.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final

from apps.saml.documents import NAMES, Element, text_of

NAME_ID: Final = "name_id"
PERSISTENT: Final = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
TRANSIENT: Final = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
PAIRWISE: Final = "urn:oasis:names:tc:SAML:attribute:pairwise-id"
SUBJECT: Final = "urn:oasis:names:tc:SAML:attribute:subject-id"
LONGEST_SUBJECT: Final = 255
EDU: Final = "urn:oid:1.3.6.1.4.1.5923.1.1.1."
SCHAC: Final = "urn:oid:1.3.6.1.4.1.25178.1.2."
MICROSOFT: Final = "http://schemas.microsoft.com/identity/claims/"
SOAP: Final = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
# By what the attribute is, never by the friendly name that comes with it.
KNOWN: Final = {
    PAIRWISE: "pairwise-id",
    SUBJECT: "subject-id",
    f"{EDU}1": "eduPersonAffiliation",
    f"{EDU}6": "eduPersonPrincipalName",
    f"{EDU}7": "eduPersonEntitlement",
    f"{EDU}9": "eduPersonScopedAffiliation",
    f"{EDU}11": "eduPersonAssurance",
    f"{EDU}13": "eduPersonUniqueId",
    f"{SCHAC}9": "schacHomeOrganization",
    f"{SCHAC}14": "schacPersonalUniqueCode",
    "urn:oid:0.9.2342.19200300.100.1.1": "uid",
    "urn:oid:0.9.2342.19200300.100.1.3": "email",
    "urn:oid:2.16.840.1.113730.3.1.3": "employeeNumber",
    "urn:oid:2.16.840.1.113730.3.1.241": "name",
    "urn:oid:1.3.6.1.4.1.5923.1.5.1.1": "isMemberOf",
    "urn:oid:2.5.4.42": "given_name",
    "urn:oid:2.5.4.4": "family_name",
    f"{SOAP}emailaddress": "email",
    f"{SOAP}givenname": "given_name",
    f"{SOAP}surname": "family_name",
    f"{MICROSOFT}displayname": "name",
    "mail": "email",
    "givenName": "given_name",
    "sn": "family_name",
    "displayName": "name",
}
SCOPED: Final = frozenset(
    {
        "pairwise-id",
        "subject-id",
        "eduPersonPrincipalName",
        "eduPersonScopedAffiliation",
        "eduPersonUniqueId",
    }
)
IS_SCOPE: Final = frozenset({"schacHomeOrganization"})
# What a provider says of the sign-in itself: no attribute takes their place.
RESERVED: Final = frozenset({"sub", "iss", "aud", "acr", "amr", "email_verified", "hd", NAME_ID})
SUBJECTS: Final = ("pairwise-id", "subject-id")


def claims_of(assertion: Element, *, scopes: Collection[str], subject_claim: str) -> dict[str, Any]:
    """Of an assertion that was believed already. `sub` is missing where nothing in it lasts."""
    claims: dict[str, Any] = {}
    for attribute in assertion.findall("saml:AttributeStatement/saml:Attribute", NAMES):
        name = KNOWN.get(attribute.get("Name") or "", attribute.get("Name") or "")
        if not name or name in RESERVED:
            continue
        values = [text_of(one) for one in attribute.findall("saml:AttributeValue", NAMES)]
        believed = [one for one in values if one and may_say(name, one, scopes)]
        if believed:
            claims[name] = [*claims.get(name, []), *believed]
    name_id = assertion.find("saml:Subject/saml:NameID", NAMES)
    if text_of(name_id):
        claims[NAME_ID] = text_of(name_id)
    path = "saml:AuthnStatement/saml:AuthnContext/saml:AuthnContextClassRef"
    claims["acr"] = [text_of(one) for one in assertion.findall(path, NAMES)]
    subject = _subject(claims, name_id, subject_claim)
    if subject:
        claims["sub"] = subject
    return claims


def may_say(name: str, value: str, scopes: Collection[str]) -> bool:
    if name in IS_SCOPE:
        return value.lower() in scopes
    if name not in SCOPED:
        return True
    local, at, scope = value.partition("@")
    return bool(local and at) and scope.lower() in scopes


def _subject(claims: Mapping[str, Any], name_id: Element | None, chosen: str) -> str:
    """With the kind before it: ids of two kinds are never one another's. Ids of the kinds that
    have a scope are the same in capitals (SAML V2.0 Subject Identifier Attributes, §3.1)."""
    form = "" if name_id is None else name_id.get("Format")
    for name in (chosen,) if chosen else (*SUBJECTS, NAME_ID):
        if name == NAME_ID:
            lasts = form == PERSISTENT or (bool(chosen) and form != TRANSIENT)
            values = [claims[NAME_ID]] if lasts and NAME_ID in claims else []
        else:
            values = claims.get(name) or []
        if len(values) == 1:
            return _fitting(name, values[0].lower() if name in SCOPED else values[0])
    return ""


def _fitting(kind: str, value: str) -> str:
    found = f"{kind}:{value}"
    return found if len(found) <= LONGEST_SUBJECT and found.isprintable() else ""
