"""Signing in at a campus's own SAML provider: who comes in, as whom, and what they are told."""

from importlib.resources import files
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from django.db import connection
from django.test.utils import CaptureQueriesContext
from lxml import etree

from apps.accounts.models import Membership, Role, Student
from apps.accounts.services import profile_deactivate
from apps.audit.models import Entry
from apps.audit.services import SYSTEM
from apps.identity_providers.models import EmergencyAccount, IdentityProvider, ProviderLink
from apps.identity_providers.selectors import only_by_provider
from apps.notifications.models import Message
from apps.tenants.models import Campus, Domain
from apps.tenants.scope import campus_scope
from apps.tenants.signed import signed_act
from tests.accounts.support import at, login
from tests.factories import Cast
from tests.identity_providers.saml_server import (
    AFFILIATION,
    EPPN,
    FAMILY,
    GIVEN,
    MAIL,
    NAMES,
    NUMBER,
    PAIRWISE,
    TRANSIENT,
    SamlProvider,
    message_in,
    query_of,
    signature_holds,
)
from tests.identity_providers.saml_support import bring, own_id, said, saml_set_up, saml_sign_in
from tests.identity_providers.support import address, browser, change, led_to, user_of, words

pytestmark = pytest.mark.django_db
OWN = "/accounts/provider/saml/metadata/"
MFA = "https://refeds.org/profile/mfa"


def test_the_button_leads_to_the_provider_with_a_signed_request(
    cast: Cast, idp: SamlProvider, saml_provider: IdentityProvider
) -> None:
    client = browser(cast.host)
    page = words(client.get("/accounts/login/?next=/week/"))
    assert "Continue with north login" in page
    with CaptureQueriesContext(connection) as queries:
        location = led_to(client, saml_provider)
    keys = [query for query in queries if "identity_providers_samlkey" in query["sql"]]
    assert len(keys) == 1, "our keys are read and opened once"
    assert location.startswith(f"{idp.sign_in}?SAMLRequest=")
    asked = message_in(location)
    with campus_scope(cast.campus):
        assert asked.findtext("saml:Issuer", namespaces=NAMES) == own_id()
    assert asked.get("Destination") == idp.sign_in
    assert asked.get("AssertionConsumerServiceURL").endswith(
        "north.example/accounts/provider/saml/answer/"
    )
    assert query_of(location)["SigAlg"].endswith("rsa-sha256")
    published = etree.fromstring(client.get(OWN).content)
    found = published.findtext(".//ds:X509Certificate", namespaces=NAMES)
    pem = f"-----BEGIN CERTIFICATE-----{found}-----END CERTIFICATE-----\n"
    assert signature_holds(location, pem)
    assert not signature_holds(location.replace("SigAlg", "RelayState=x&SigAlg"), pem)


def test_who_signs_in_by_a_password_does_not_wait_for_metadata(
    cast: Cast, saml_provider: IdentityProvider
) -> None:
    """It may have 200,000 characters, and no page but the provider's own needs them."""
    change(saml_provider, only_roles=[Role.STUDENT])
    with CaptureQueriesContext(connection) as queries:
        browser(cast.host).get("/accounts/login/")
        with campus_scope(cast.campus):
            assert only_by_provider(cast.student.user)
    table = '"identity_providers_identityprovider"'
    asked = [query["sql"] for query in queries if f"FROM {table}" in query["sql"]]
    assert len(asked) == 2
    assert not any("metadata_text" in sql or "entity" in sql.replace(table, "") for sql in asked)


@pytest.mark.parametrize("who", ["student", "lecturer", "admin"])
def test_people_of_the_roster_come_in(
    cast: Cast, idp: SamlProvider, saml_provider: IdentityProvider, who: str
) -> None:
    """A student and a lecturer by their number, an administrator by an address that is right."""
    change(saml_provider, trusts_email=True)
    person = getattr(cast, who)
    is_admin = who == "admin"
    user = person if is_admin else person.user
    attributes = {
        NUMBER: None if is_admin else person.code.lower(),
        MAIL: user.email.upper() if is_admin else "elsewhere@mail.example",
        PAIRWISE: "ABCD@north.example",
    }
    client = browser(cast.host)
    answer = saml_sign_in(client, idp, saml_provider, attributes=attributes)
    assert answer.status_code == 302, words(answer)
    assert user_of(client) == user.pk
    assert client.get("/api/v1/me").status_code == 200
    with campus_scope(cast.campus):
        link = ProviderLink.objects.get()
        assert (link.user_id, link.issuer) == (user.pk, idp.entity_id)
        assert link.subject == "pairwise-id:abcd@north.example"
        assert Message.objects.filter(deliveries__user=user).exists()
        actions = set(Entry.objects.values_list("action", flat=True))
    assert {"identity_providers.link.made", "identity_providers.sign_in.accepted"} <= actions


def test_the_way_leads_on_to_where_somebody_wanted_to_go(
    cast: Cast, idp: SamlProvider, saml_provider: IdentityProvider
) -> None:
    for wanted, got in (("/devices/", "/devices/"), ("https://evil.example/", "/")):
        client = browser(cast.host)
        location = led_to(client, saml_provider, f"?next={wanted}")
        assert bring(client, idp.answer_to(location, **said("STUD")))["Location"] == got


def test_later_sign_ins_go_by_the_lasting_id_alone(
    cast: Cast, idp: SamlProvider, saml_provider: IdentityProvider
) -> None:
    first = said("STUD", attributes={PAIRWISE: "a@north.example"}, name_format=TRANSIENT)
    assert saml_sign_in(browser(cast.host), idp, saml_provider, **first).status_code == 302
    # Another number since, another transient name: the same person.
    client = browser(cast.host)
    later = said("MATE", attributes={PAIRWISE: "A@NORTH.example"}, name_id="another")
    answer = saml_sign_in(client, idp, saml_provider, name_format=TRANSIENT, **later)
    assert answer.status_code == 302
    assert user_of(client) == cast.student.user_id
    other = said("STUD", attributes={PAIRWISE: "b@north.example"})
    refused = saml_sign_in(browser(cast.host), idp, saml_provider, **other)
    assert (refused.status_code, "another account or another" in words(refused)) == (403, True)


def test_without_a_lasting_id_nobody_comes_in(
    cast: Cast, idp: SamlProvider, saml_provider: IdentityProvider
) -> None:
    for changes in (
        said("STUD", name_format=TRANSIENT),
        said("STUD", name_format=TRANSIENT, attributes={PAIRWISE: "a@south.example"}),
        said("STUD", name_format=TRANSIENT, attributes={PAIRWISE: ["a@north.example"] * 2}),
        said("STUD", name_id="x" * 256),
    ):
        answer = saml_sign_in(browser(cast.host), idp, saml_provider, **changes)
        assert (answer.status_code, "no id that stays yours" in words(answer)) == (403, True)
    # The campus may name another one that lasts.
    change(saml_provider, subject_claim="eduPersonPrincipalName")
    enter = said("STUD", name_format=TRANSIENT, attributes={EPPN: "Stud@north.example"})
    assert saml_sign_in(browser(cast.host), idp, saml_provider, **enter).status_code == 302
    with campus_scope(cast.campus):
        subject = ProviderLink.objects.get().subject
    assert subject == "eduPersonPrincipalName:stud@north.example"


def test_ids_of_two_kinds_are_never_one_anothers(
    cast: Cast, idp: SamlProvider, saml_provider: IdentityProvider
) -> None:
    first = said("STUD", attributes={PAIRWISE: "a@north.example"})
    assert saml_sign_in(browser(cast.host), idp, saml_provider, **first).status_code == 302
    client = browser(cast.host)
    named = said("MATE", name_id="a@north.example")
    assert saml_sign_in(client, idp, saml_provider, **named).status_code == 302
    assert user_of(client) == cast.classmate.user_id


def test_rules_say_by_which_role_somebody_comes_in(
    cast: Cast, idp: SamlProvider, saml_provider: IdentityProvider
) -> None:
    """By an affiliation whose scope is the provider's own."""
    rules = (
        "student: eduPersonScopedAffiliation = student@north.example\n"
        "faculty: eduPersonScopedAffiliation = faculty@north.example"
    )
    change(saml_provider, rules=rules)
    client = browser(cast.host)
    enter = said(
        "STUD", attributes={AFFILIATION: ["member@north.example", "student@north.example"]}
    )
    assert saml_sign_in(client, idp, saml_provider, **enter).status_code == 302
    assert user_of(client) == cast.student.user_id
    for affiliation in ("faculty@north.example", "student@south.example", "student"):
        other = said("MATE", attributes={AFFILIATION: affiliation}, name_id="b")
        assert saml_sign_in(browser(cast.host), idp, saml_provider, **other).status_code == 403


def test_a_student_is_made_where_the_campus_allows_it(
    cast: Cast, idp: SamlProvider, saml_provider: IdentityProvider
) -> None:
    attributes: dict[str, Any] = {
        NUMBER: "N900001",
        MAIL: "new@north.example",
        GIVEN: "Noor",
        FAMILY: "Newman & Söhne",
    }
    new = {"attributes": attributes}
    change(saml_provider, trusts_email=True)
    assert saml_sign_in(browser(cast.host), idp, saml_provider, **new).status_code == 403
    change(saml_provider, makes_students=True)
    client = browser(cast.host)
    assert saml_sign_in(client, idp, saml_provider, **new).status_code == 302
    with campus_scope(cast.campus):
        made = Student.objects.get(code="N900001")
        assert (str(made), made.email) == ("Noor Newman & Söhne", "new@north.example")
        assert made.user_id == user_of(client)
    change(saml_provider, trusts_email=False)
    other = {**attributes, NUMBER: "N900002", MAIL: "b@north.example"}
    refused = saml_sign_in(browser(cast.host), idp, saml_provider, name_id="b", attributes=other)
    assert refused.status_code == 403


def test_an_address_counts_within_the_providers_scopes(
    cast: Cast, idp: SamlProvider, saml_provider: IdentityProvider
) -> None:
    Campus.objects.filter(pk=cast.campus.pk).update(
        email_domains=["north.example", "college.example"]
    )
    college = SamlProvider("college", ["college.example"])
    provider = saml_set_up(cast.campus, college, trusts_email=True)
    enter = {"attributes": {MAIL: cast.student.email}}
    assert cast.student.email.endswith("@north.example")
    assert saml_sign_in(browser(cast.host), college, provider, **enter).status_code == 403
    # Unless the campus itself says for which domains it speaks.
    change(provider, email_domains=["north.example"])
    assert saml_sign_in(browser(cast.host), college, provider, **enter).status_code == 302


def test_who_left_or_is_switched_off_comes_in_no_more(
    cast: Cast, idp: SamlProvider, saml_provider: IdentityProvider, now: Any
) -> None:
    client = browser(cast.host)
    assert saml_sign_in(client, idp, saml_provider, **said("STUD")).status_code == 302
    with campus_scope(cast.campus):
        profile_deactivate(person=cast.student, now=now, actor=SYSTEM)
    assert client.get("/api/v1/me").status_code in (401, 403)
    again = saml_sign_in(browser(cast.host), idp, saml_provider, **said("STUD"))
    assert again.status_code == 403
    lecturer = said("LECT", name_id="lecturer")
    with signed_act("accounts_user"):
        type(cast.admin).objects.filter(pk=cast.lecturer.user_id).update(is_active=False)
    assert saml_sign_in(browser(cast.host), idp, saml_provider, **lecturer).status_code == 403


def test_a_session_by_it_is_good_on_its_campus_alone(
    cast: Cast, other_cast: Cast, idp: SamlProvider, saml_provider: IdentityProvider
) -> None:
    user = cast.lecturer.user
    assert user is not None
    with campus_scope(other_cast.campus):
        Membership.objects.create(user=user, role=Role.ADMIN)
    client = browser(cast.host)
    assert saml_sign_in(client, idp, saml_provider, **said("LECT")).status_code == 302
    assert client.get("/accounts/password/change/").status_code == 403
    there = browser(other_cast.host)
    there.cookies = client.cookies
    assert there.get("/api/v1/me").status_code == 401


def test_the_second_factor_stays_unless_the_providers_counts(
    cast: Cast, idp: SamlProvider, saml_provider: IdentityProvider
) -> None:
    with signed_act("mfa_authenticator"):
        TOTP.activate(cast.lecturer.user, "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")

    def leads_to(**changes: Any) -> str:
        answer = saml_sign_in(browser(cast.host), idp, saml_provider, **said("LECT", **changes))
        return str(answer["Location"])

    factor = "/accounts/2fa/authenticate/"
    assert leads_to(context=MFA) == factor
    change(saml_provider, accepts_multi_factor=True)
    assert leads_to(context=MFA) == factor
    change(saml_provider, multi_factor_acr=MFA)
    assert leads_to(context=MFA) == "/"
    assert leads_to() == factor
    # What an attribute is called makes it no word about the sign-in.
    assert leads_to(attributes={"amr": "mfa", "acr": MFA}) == factor


def test_a_role_comes_in_by_the_provider_alone_where_the_campus_says_so(
    cast: Cast, idp: SamlProvider, saml_provider: IdentityProvider
) -> None:
    change(saml_provider, only_roles=[Role.STUDENT])
    refused = login(at(cast.host), cast.student.email)
    assert refused.status_code == 403
    assert "you sign in by north login" in refused.content.decode()
    with campus_scope(cast.campus):
        EmergencyAccount.objects.create(user=cast.student.user, note="when it is down")
    assert login(at(cast.host), cast.student.email).status_code == 200


def test_what_the_campus_publishes_of_itself(
    cast: Cast, other_cast: Cast, idp: SamlProvider, saml_provider: IdentityProvider
) -> None:
    """One address to come back to for each of its domains, keys for both uses, and its wishes."""
    Domain.objects.create(campus=cast.campus, host="attendance.north.example")
    answer = browser(cast.host).get(OWN)
    assert answer["Content-Type"] == "application/samlmetadata+xml"
    root = etree.fromstring(answer.content)
    with campus_scope(cast.campus):
        assert root.get("entityID") == own_id()
    places = [
        one.get("Location") for one in root.iter(f"{{{NAMES['md']}}}AssertionConsumerService")
    ]
    hosts = [place.partition("://")[2].partition("/")[0] for place in places]
    assert hosts == ["attendance.north.example", "north.example"]
    role = root.find("md:SPSSODescriptor", NAMES)
    assert role.get("WantAssertionsSigned") == role.get("AuthnRequestsSigned") == "true"
    assert root.findtext(".//saml:AttributeValue", namespaces=NAMES) == "pairwise-id"
    schema_of_metadata().assertValid(root)
    # Under the name by which an older provider knows us.
    change(saml_provider, client_id="urn:old:name")
    own = browser(cast.host).get(address(saml_provider, "metadata/"))
    assert etree.fromstring(own.content).get("entityID") == "urn:old:name"
    # A campus without such a provider has nothing to publish.
    assert browser(other_cast.host).get(OWN).status_code == 404


def schema_of_metadata() -> Any:
    path = files("onelogin.saml2") / "schemas" / "saml-schema-metadata-2.0.xsd"
    return etree.XMLSchema(etree.parse(str(path)))
