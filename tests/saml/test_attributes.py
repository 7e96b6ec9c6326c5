"""What an assertion says of a person, and whose words about scopes count."""

from typing import Any

import pytest

from apps.saml.attributes import LONGEST_SUBJECT, PERSISTENT, TRANSIENT, claims_of
from tests.identity_providers.saml_server import (
    AFFILIATION,
    EPPN,
    NUMBER,
    PAIRWISE,
    SamlProvider,
    Saying,
    element,
)

SUBJECT_ID = "urn:oasis:names:tc:SAML:attribute:subject-id"
UNSPECIFIED = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
HOME = "urn:oid:1.3.6.1.4.1.25178.1.2.9"


def read(*, subject_claim: str = "", **changes: Any) -> dict[str, Any]:
    saying = Saying(provider=SamlProvider("north", ["north.example"]), asked=None)
    for name, value in changes.items():
        setattr(saying, name, value)
    xmlns = "urn:oasis:names:tc:SAML:2.0:assertion"
    text = saying.assertion().replace("<saml:Assertion", f'<saml:Assertion xmlns:saml="{xmlns}"', 1)
    return claims_of(element(text), scopes=["north.example"], subject_claim=subject_claim)


def subject(*, subject_claim: str = "", **changes: Any) -> str:
    return str(read(subject_claim=subject_claim, **changes).get("sub", ""))


@pytest.mark.parametrize(
    ("name", "value", "believed"),
    [
        (EPPN, "a@north.example", True),
        (EPPN, "a@NORTH.example", True),
        (EPPN, "a@south.example", False),
        (EPPN, "a@sub.north.example", False),
        (EPPN, "a@north.example.evil.example", False),
        (EPPN, "a@south.example@north.example", False),
        (EPPN, "a@north.example@south.example", False),
        (EPPN, "@north.example", False),
        (EPPN, "a@", False),
        (EPPN, "north.example", False),
        (AFFILIATION, "student@south.example", False),
        (SUBJECT_ID, "a@south.example", False),
        (HOME, "north.example", True),
        (HOME, "south.example", False),
        ("eduPersonPrincipalName", "a@south.example", False),
        ("pairwise-id", "a@south.example", False),
        (NUMBER, "a@south.example", True),
    ],
)
def test_a_scope_counts_where_the_provider_may_speak_for_it(
    name: str, value: str, believed: bool
) -> None:
    claims = read(attributes={name: value}, name_format=TRANSIENT)
    assert (
        any(value in values for values in claims.values() if isinstance(values, list)) is believed
    )


def test_what_is_wrong_among_right_values_falls_alone() -> None:
    claims = read(attributes={AFFILIATION: ["student@north.example", "faculty@south.example"]})
    assert claims["eduPersonScopedAffiliation"] == ["student@north.example"]


@pytest.mark.parametrize("name", ["sub", "iss", "aud", "acr", "amr", "email_verified", "name_id"])
def test_no_attribute_takes_the_place_of_what_the_provider_says_itself(name: str) -> None:
    assert "evil" not in str(read(attributes={name: "evil"}))


def test_the_lasting_id() -> None:
    pairwise, subject_id = {PAIRWISE: "P@north.example"}, {SUBJECT_ID: "S@north.example"}
    assert subject(attributes={**subject_id, **pairwise}) == "pairwise-id:p@north.example"
    assert subject(attributes=subject_id) == "subject-id:s@north.example"
    assert subject(name_id="N", name_format=PERSISTENT) == "name_id:N"
    for form in (TRANSIENT, UNSPECIFIED):
        assert subject(name_id="N", name_format=form) == ""
    # The campus names another one: a NameID of any form but one that is new each time.
    assert subject(subject_claim="name_id", name_format=UNSPECIFIED, name_id="N") == "name_id:N"
    assert subject(subject_claim="name_id", name_format=TRANSIENT, name_id="N") == ""
    assert subject(subject_claim="employeeNumber", attributes={NUMBER: "Ab1"}) == (
        "employeeNumber:Ab1"
    )
    assert subject(subject_claim="employeeNumber", attributes=pairwise) == ""
    # Neither too long, nor two, nor with signs that nobody sees.
    longest = "x" * (LONGEST_SUBJECT - len("name_id:"))
    assert subject(name_id=longest) == f"name_id:{longest}"
    for wrong in (longest + "x", "a\u200bb", ""):
        assert subject(name_id=wrong) == ""
    assert (
        subject(attributes={PAIRWISE: ["a@north.example", "b@north.example"]}) == "name_id:name-1"
    )
