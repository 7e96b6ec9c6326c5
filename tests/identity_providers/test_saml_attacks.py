"""What somebody may try with the answers of a SAML provider."""

import base64
import copy
import logging
from collections.abc import Callable
from typing import Any

import pytest
import xmlsec
from django.core.cache import cache
from django.test import Client
from lxml import etree

from apps.identity_providers.models import IdentityProvider, ProviderLink, SamlKey
from apps.saml.messages import LONGEST
from apps.tenants.scope import campus_scope
from tests.factories import Cast
from tests.identity_providers.saml_server import (
    NAMES,
    NUMBER,
    PAIRWISE,
    SamlProvider,
    element,
    key_of,
    message_in,
    posted,
    signed,
    stamp,
)
from tests.identity_providers.saml_support import (
    ANSWER,
    bring,
    post,
    said,
    saml_set_up,
    saml_sign_in,
)
from tests.identity_providers.support import (
    address,
    browser,
    change,
    led_to,
    user_of,
    words,
)

pytestmark = pytest.mark.django_db
UNTRUSTED = "could not be believed"
STALE = "taken too long, or was used already"


def refused(answer: Any, text: str = UNTRUSTED) -> bool:
    return answer.status_code == 403 and text in words(answer)


WRONG: list[dict[str, Any]] = [
    {"audiences": []},
    {"audiences": [["https://other.example/sp"]]},
    {"audiences": [["https://other.example/sp", ""]]},
    {"recipient": None},
    {"recipient": "https://other.example/acs"},
    {"destination": "https://other.example/acs"},
    {"confirmed_in_response_to": None},
    {"confirmed_in_response_to": "_another"},
    {"in_response_to": None},
    {"issuer": "https://evil.example/idp"},
    {"until_seconds": -120},
    {"from_seconds": 900},
    {"bearer_seconds": -120},
    {"bearer_seconds": None},
    {"bearer_from": -10},
    {"assertion_id": "_" + "x" * 300},
]


def test_wrong_answers_are_refused(
    cast: Cast, idp: SamlProvider, saml_provider: IdentityProvider
) -> None:
    client = browser(cast.host)
    for changes in WRONG:
        answer = saml_sign_in(client, idp, saml_provider, **said("STUD", **changes))
        if changes == {"issuer": "https://evil.example/idp"}:  # nobody's
            assert (answer.status_code, "no such sign-in" in words(answer)) == (404, True)
        else:
            assert refused(answer), changes
        assert user_of(client) is None, changes
    right = saml_sign_in(client, idp, saml_provider, **said("STUD"))
    assert right.status_code == 302


def test_addresses_that_resemble_ours_are_others(
    cast: Cast, idp: SamlProvider, saml_provider: IdentityProvider
) -> None:
    client = browser(cast.host)
    for place in ("recipient", "destination"):
        for bent in ("{}more", "{}?next=x", "https://evil.example/?u={}", " {}"):
            location = led_to(client, saml_provider)
            ours = message_in(location).get("AssertionConsumerServiceURL")
            changes = {place: bent.format(ours)}
            answer = bring(client, idp.answer_to(location, **said("STUD", **changes)))
            assert refused(answer), changes
    assert user_of(client) is None


def test_every_audience_restriction_has_to_name_us(
    cast: Cast, idp: SamlProvider, saml_provider: IdentityProvider
) -> None:
    client = browser(cast.host)
    us = saml_provider.client_id
    for audiences, status in (
        ([[us, "https://other.example/sp"]], 302),
        ([[us], ["https://other.example/sp"]], 403),
    ):
        answer = saml_sign_in(client, idp, saml_provider, **said("STUD", audiences=audiences))
        assert answer.status_code == status, audiences


def test_clocks_may_differ_a_little(
    cast: Cast, idp: SamlProvider, saml_provider: IdentityProvider
) -> None:
    for changes in ({"until_seconds": -30}, {"from_seconds": 30}, {"until_seconds": None}):
        answer = saml_sign_in(browser(cast.host), idp, saml_provider, **said("STUD", **changes))
        assert answer.status_code == 302, changes


def test_only_a_signed_assertion_counts(
    cast: Cast, idp: SamlProvider, saml_provider: IdentityProvider
) -> None:
    client = browser(cast.host)

    def response() -> Any:
        return idp.response(message_in(led_to(client, saml_provider)), **said("STUD"))

    assert refused(bring(client, posted(response())))  # nothing is signed
    assert refused(bring(client, posted(signed(response(), idp.keys[0]))))  # the answer alone is
    stranger = response()
    signed(stranger, key_of("attacker"), place=stranger.find("saml:Assertion", NAMES))
    assert refused(bring(client, posted(stranger)))
    both = response()
    signed(both, idp.keys[0], place=both.find("saml:Assertion", NAMES))
    assert bring(client, posted(signed(both, idp.keys[0]))).status_code == 302
    # A right assertion in an answer that somebody else has signed.
    mixed = idp.response(message_in(led_to(client, saml_provider)), **said("STUD"))
    signed(mixed, idp.keys[0], place=mixed.find("saml:Assertion", NAMES))
    assert refused(bring(browser(cast.host), posted(signed(mixed, key_of("attacker")))))


def test_weak_signatures_are_refused(
    cast: Cast, idp: SamlProvider, saml_provider: IdentityProvider
) -> None:
    client = browser(cast.host)
    for means in (
        {"signature": xmlsec.Transform.RSA_SHA1},
        {"digest": xmlsec.Transform.SHA1},
    ):
        root = idp.response(message_in(led_to(client, saml_provider)), **said("STUD"))
        signed(root, idp.keys[0], place=root.find("saml:Assertion", NAMES), **means)
        assert refused(bring(client, posted(root))), means


# --- Wrapping: a genuine signature in an answer that says something else -----------------------


def parts(root: Any) -> tuple[Any, Any, Any]:
    """A genuine assertion, its signature, and a copy that says somebody else."""
    genuine = root.find("saml:Assertion", NAMES)
    evil = copy.deepcopy(genuine)
    evil.remove(evil.find("ds:Signature", NAMES))
    for value in evil.iter(f"{{{NAMES['saml']}}}AttributeValue"):
        value.text = "MATE"
    evil.find(".//saml:NameID", NAMES).text = "evil"
    return genuine, genuine.find("ds:Signature", NAMES), evil


def beside(root: Any) -> Any:
    _genuine, _signature, evil = parts(root)
    evil.set("ID", "_evil")
    root.insert(0, evil)
    return root


def same_id(root: Any) -> Any:
    _genuine, _signature, evil = parts(root)
    root.insert(0, evil)
    return root


def in_the_signature(root: Any) -> Any:
    """The genuine one lies in an Object of the signature that is moved to the evil one."""
    genuine, signature, evil = parts(root)
    genuine.remove(signature)
    holder = etree.SubElement(signature, f"{{{NAMES['ds']}}}Object")
    root.replace(genuine, evil)
    holder.append(genuine)
    evil.set("ID", "_evil")
    evil.insert(1, signature)
    return root


def in_extensions(root: Any) -> Any:
    genuine, _signature, evil = parts(root)
    evil.set("ID", "_evil")
    holder = etree.Element(f"{{{NAMES['samlp']}}}Extensions")
    root.replace(genuine, evil)
    holder.append(genuine)
    root.insert(1, holder)
    return root


def in_itself(root: Any) -> Any:
    """The genuine one lies in the evil one, which carries its id."""
    genuine, signature, evil = parts(root)
    root.replace(genuine, evil)
    genuine.remove(signature)
    evil.insert(1, signature)
    holder = etree.SubElement(evil, f"{{{NAMES['saml']}}}Advice")
    holder.append(genuine)
    return root


def around(root: Any) -> Any:
    """The genuine answer lies in another one."""
    evil = copy.deepcopy(root)
    evil.set("ID", "_around")
    inner = evil.find("saml:Assertion", NAMES)
    inner.remove(inner.find("ds:Signature", NAMES))
    inner.set("ID", "_evil")
    holder = etree.Element(f"{{{NAMES['samlp']}}}Extensions")
    holder.append(root)
    evil.insert(1, holder)
    return evil


def changed(root: Any) -> Any:
    for value in root.iter(f"{{{NAMES['saml']}}}AttributeValue"):
        value.text = "MATE"
    return root


def empty_reference(root: Any) -> Any:
    root.find(".//ds:Reference", NAMES).set("URI", "")
    return root


def two_references(root: Any) -> Any:
    reference = root.find(".//ds:Reference", NAMES)
    reference.addnext(copy.deepcopy(reference))
    return root


def a_style_sheet(root: Any) -> Any:
    """A transform that would run before the signature is looked at."""
    transforms = root.find(".//ds:Transforms", NAMES)
    transforms.insert(
        0,
        element(
            f'<ds:Transform xmlns:ds="{NAMES["ds"]}" '
            'Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"/>'
        ),
    )
    return root


BENT = [
    *(beside, same_id, in_the_signature, in_extensions, in_itself, around, changed),
    *(empty_reference, two_references, a_style_sheet),
]


@pytest.mark.parametrize("bend", BENT, ids=lambda bend: bend.__name__)
def test_wrapped_and_bent_signatures_are_refused(
    cast: Cast, idp: SamlProvider, saml_provider: IdentityProvider, bend: Callable[[Any], Any]
) -> None:
    client = browser(cast.host)
    answer = saml_sign_in(client, idp, saml_provider, bend=bend, **said("STUD"))
    assert refused(answer), words(answer)
    assert user_of(client) is None


def test_a_comment_cuts_no_name_in_two(
    cast: Cast, idp: SamlProvider, saml_provider: IdentityProvider
) -> None:
    """Comments are not signed: `STUD<!-- -->X` is STUDX and stays it."""

    def cut(root: Any) -> Any:
        text = etree.tostring(root).decode()
        assert text.count(">STUDX<") == 1
        return text.replace(">STUDX<", ">STUD<!-- -->X<").encode()

    client = browser(cast.host)
    answer = saml_sign_in(client, idp, saml_provider, bend=cut, **said("STUDX"))
    assert "does not know you" in words(answer)
    assert user_of(client) is None


def test_entities_and_instructions_are_not_read(
    cast: Cast, idp: SamlProvider, saml_provider: IdentityProvider
) -> None:
    client = browser(cast.host)
    root = idp.response(message_in(led_to(client, saml_provider)), **said("STUD"))
    signed(root, idp.keys[0], place=root.find("saml:Assertion", NAMES))
    text = etree.tostring(root).decode()
    for bent in (
        f'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>{text}',
        f'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>{text}',
        text.replace("STUD", "<?x y?>STUD"),
        text[:-3],
        "<a/>",
    ):
        answer = post(client, posted(bent.encode()))
        assert (answer.status_code, "no answer of an identity" in words(answer)) == (400, True)


@pytest.mark.parametrize(
    "answer",
    ["", "%%%", "AAAA", posted(b"\xff\xfe"), "A" * (LONGEST * 2), posted(b"<" * 5000)],
    ids=["nothing", "signs", "bytes", "no text", "large", "open"],
)
def test_what_is_no_answer_is_a_page(
    cast: Cast, saml_provider: IdentityProvider, answer: str
) -> None:
    found = post(browser(cast.host), answer)
    assert (found.status_code, "no answer of an identity" in words(found)) == (400, True)


# --- Whose answer, and how often ---------------------------------------------------------------


def test_an_answer_counts_once(
    cast: Cast, idp: SamlProvider, saml_provider: IdentityProvider
) -> None:
    client = browser(cast.host)
    answer = idp.answer_to(led_to(client, saml_provider), **said("STUD"))
    first = post(client, answer)
    assert first.status_code == 302
    assert refused(post(client, answer), STALE)
    assert refused(bring(browser(cast.host), answer), STALE)
    assert client.get(first["Location"]).status_code == 302
    assert user_of(client) == cast.student.user_id
    # What was held is gone as well.
    assert refused(client.get(first["Location"]), STALE)


def test_an_assertion_is_remembered_whatever_is_around_it(
    cast: Cast, idp: SamlProvider, saml_provider: IdentityProvider
) -> None:
    """A provider that may begin sign-ins: nothing but that memory stops a second use."""
    change(saml_provider, allows_unsolicited=True)
    kept: list[Any] = []

    def keep(root: Any) -> Any:
        kept.append(copy.deepcopy(root))
        return root

    location = led_to(browser(cast.host), saml_provider)
    begun = {"in_response_to": None, "confirmed_in_response_to": None}
    answer = idp.answer_to(location, bend=keep, **said("STUD", **begun))
    client = browser(cast.host)
    assert bring(client, answer).status_code == 302
    assert user_of(client) == cast.student.user_id
    kept[0].set("ID", "_another")
    assert refused(bring(browser(cast.host), posted(kept[0])), STALE)


def test_an_answer_counts_in_the_browser_that_asked(
    cast: Cast, idp: SamlProvider, saml_provider: IdentityProvider
) -> None:
    victim, thief = browser(cast.host), browser(cast.host)
    first = post(victim, idp.answer_to(led_to(victim, saml_provider), **said("STUD")))
    stolen = thief.get(first["Location"])
    assert refused(stolen, STALE)
    assert user_of(thief) is None
    # The other way round: somebody's own answer in the victim's browser.
    lure = idp.answer_to(led_to(thief, saml_provider), **said("MATE", name_id="thief"))
    assert refused(bring(victim, lure), STALE)
    assert user_of(victim) is None


def test_an_answer_that_nobody_asked_for_is_refused(
    cast: Cast, idp: SamlProvider, saml_provider: IdentityProvider
) -> None:
    client = browser(cast.host)
    begun = {"in_response_to": None, "confirmed_in_response_to": None}
    assert refused(saml_sign_in(client, idp, saml_provider, **said("STUD", **begun)), STALE)
    # Where the campus allows it, one that answers something is still bound to who asked.
    change(saml_provider, allows_unsolicited=True)
    other = idp.answer_to(led_to(browser(cast.host), saml_provider), **said("STUD"))
    assert refused(bring(client, other), STALE)
    change(saml_provider, allows_unsolicited=False)
    assert user_of(client) is None


def test_a_sign_in_is_good_for_ten_minutes_and_held_for_one(
    cast: Cast, idp: SamlProvider, saml_provider: IdentityProvider
) -> None:
    client = browser(cast.host)
    answer = idp.answer_to(led_to(client, saml_provider), **said("STUD"))
    session = client.session
    for begun in session["identity_provider_sign_ins"].values():
        begun["at"] -= 601
    session.save()
    assert refused(bring(client, answer), STALE)
    first = post(client, idp.answer_to(led_to(client, saml_provider), **said("STUD")))
    cache.clear()
    assert refused(client.get(first["Location"]), STALE)


def test_another_campuss_provider_lets_nobody_in(
    cast: Cast, other_cast: Cast, idp: SamlProvider
) -> None:
    foreign = saml_set_up(other_cast.campus, idp)
    assert browser(cast.host).get(address(foreign)).status_code == 404
    client = browser(other_cast.host)
    answer = idp.answer_to(led_to(client, foreign), **said("STUD"))
    there = browser(cast.host)
    there.cookies = client.cookies
    assert bring(there, answer).status_code == 404
    # Nor where both campuses trust the provider: it was made for the other one's address.
    saml_set_up(cast.campus, idp)
    answer = idp.answer_to(led_to(client, foreign), **said("STUD"))
    assert refused(bring(there, answer))
    held = post(client, idp.answer_to(led_to(client, foreign), **said("STUD")))
    assert held.status_code == 302
    carried = there.get(held["Location"])
    assert carried.status_code == 404
    assert user_of(there) is None
    with campus_scope(cast.campus):
        assert not ProviderLink.objects.exists()


def test_a_provider_does_not_speak_for_another_one(
    cast: Cast, idp: SamlProvider, saml_provider: IdentityProvider
) -> None:
    college = SamlProvider("college", ["college.example"])
    other = saml_set_up(cast.campus, college)
    client = browser(cast.host)
    location = led_to(client, saml_provider)
    # In the name of the other one, by its own key; in its own name, to what the other was asked.
    assert refused(bring(client, college.answer_to(location, **said("STUD", issuer=idp.entity_id))))
    assert refused(bring(client, college.answer_to(location, **said("STUD"))), STALE)
    assert user_of(client) is None
    # An id with the scope of the other one is none.
    enter = said("STUD", attributes={PAIRWISE: "a@north.example"}, name_format="urn:x")
    answer = saml_sign_in(client, college, other, **enter)
    assert refused(answer, "no id that stays yours")
    # Who comes in by one does not come in by the other.
    assert saml_sign_in(browser(cast.host), idp, saml_provider, **said("STUD")).status_code == 302
    answer = saml_sign_in(client, college, other, **said("STUD"))
    assert refused(answer, "another account or another provider")


def test_protocols_are_not_taken_for_one_another(
    cast: Cast, idp: SamlProvider, saml_provider: IdentityProvider, provider: IdentityProvider
) -> None:
    client = browser(cast.host)
    led_to(client, saml_provider)
    state = next(iter(client.session["identity_provider_sign_ins"]))
    assert refused(client.get(f"{address(saml_provider, 'callback/')}?code=1&state={state}"), STALE)
    assert refused(client.get(f"{address(provider, 'finish/')}?answer=x"), STALE)
    assert client.get(address(provider, "metadata/")).status_code == 404
    assert client.get(address(provider, "sign-out/"))["Location"] == "/accounts/login/"


def test_a_provider_that_signed_nobody_in_is_a_page(
    cast: Cast, idp: SamlProvider, saml_provider: IdentityProvider
) -> None:
    client = browser(cast.host)
    root = idp.response(
        message_in(led_to(client, saml_provider)),
        status="urn:oasis:names:tc:SAML:2.0:status:Responder",
    )
    page = post(client, posted(root))
    assert refused(page, "You did not sign in at")
    assert "Other ways to sign in" in words(page)


def test_a_provider_without_metadata_that_holds_is_not_used(
    cast: Cast, idp: SamlProvider, saml_provider: IdentityProvider
) -> None:
    client = browser(cast.host)
    answer = idp.answer_to(led_to(client, saml_provider), **said("STUD"))
    entity = {**saml_provider.entity, "until": stamp(-5)}
    for value in (entity, None):
        change(saml_provider, entity=value)
        for page in (client.get(address(saml_provider)), post(client, answer)):
            assert (page.status_code, "cannot be used here" in words(page)) == (424, True)


def test_encrypted_assertions_are_read_with_any_of_our_keys(
    cast: Cast, idp: SamlProvider, saml_provider: IdentityProvider
) -> None:
    with campus_scope(cast.campus):
        certificate = SamlKey.objects.get().certificate
    client = browser(cast.host)
    answer = encrypted(idp, led_to(client, saml_provider), certificate)
    assert bring(client, answer).status_code == 302
    assert user_of(client) == cast.student.user_id
    for means in (
        {"cipher": xmlsec.Transform.AES256, "kind": xmlsec.KeyData.AES, "size": 256},
        {"transport": xmlsec.Transform.RSA_PKCS1},
    ):
        client = browser(cast.host)
        answer = encrypted(idp, led_to(client, saml_provider), certificate, **means)
        assert refused(bring(client, answer)), means
    other = encrypted(idp, led_to(client, saml_provider), key_of("attacker").certificate)
    assert refused(bring(client, other))


def encrypted(
    idp: SamlProvider,
    location: str,
    certificate: str,
    *,
    cipher: Any = xmlsec.Transform.AES256_GCM,
    transport: Any = xmlsec.Transform.RSA_OAEP,
    kind: Any = xmlsec.KeyData.AES,
    size: int = 256,
    bend: Callable[[Any], Any] = lambda root: root,
) -> str:
    """An answer whose assertion is signed first and then encrypted to this certificate; `bend`
    changes it in between."""
    root = idp.response(message_in(location), **said("STUD"))
    signed(root, idp.keys[0], place=root.find("saml:Assertion", NAMES))
    root = bend(element(etree.tostring(root).decode()))
    assertion = root.find("saml:Assertion", NAMES)
    data = xmlsec.template.encrypted_data_create(
        root, cipher, type=xmlsec.EncryptionType.ELEMENT, ns="xenc"
    )
    xmlsec.template.encrypted_data_ensure_cipher_value(data)
    info = xmlsec.template.encrypted_data_ensure_key_info(data, ns="ds")
    key = xmlsec.template.add_encrypted_key(info, transport)
    xmlsec.template.encrypted_data_ensure_cipher_value(key)
    manager = xmlsec.KeysManager()
    manager.add_key(xmlsec.Key.from_memory(certificate, xmlsec.KeyFormat.CERT_PEM))
    context = xmlsec.EncryptionContext(manager)
    context.key = xmlsec.Key.generate(kind, size, xmlsec.KeyDataType.SESSION)
    holder = etree.Element(f"{{{NAMES['saml']}}}EncryptedAssertion")
    root.replace(assertion, holder)
    holder.append(assertion)
    context.encrypt_xml(data, assertion)
    return posted(etree.tostring(root))


def test_no_answer_is_in_a_log(
    cast: Cast,
    idp: SamlProvider,
    saml_provider: IdentityProvider,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    client = browser(cast.host)
    for changes in ({}, {"audiences": [["secret-audience"]]}, {"name_id": "secret-name" * 30}):
        answer = idp.answer_to(led_to(client, saml_provider), **said("STUD", **changes))
        bring(client, answer)
    logged = "\n".join(record.getMessage() for record in caplog.records)
    assert "answer_untrusted" in logged
    for secret in ("STUD", "secret-", answer[:40], base64.b64decode(answer)[:40].decode()):
        assert secret not in logged, secret


def test_it_takes_a_post_of_a_page_elsewhere_without_a_token(
    cast: Cast, idp: SamlProvider, saml_provider: IdentityProvider
) -> None:
    strict = Client(enforce_csrf_checks=True, headers={"host": cast.host})
    answer = idp.answer_to(led_to(strict, saml_provider), **said("STUD"))
    headers = {"origin": "https://north.example.idp", "host": cast.host}
    first = Client(enforce_csrf_checks=True, headers=headers).post(ANSWER, {"SAMLResponse": answer})
    assert first.status_code == 302
    assert strict.get(first["Location"]).status_code == 302
    assert user_of(strict) == cast.student.user_id


def test_attributes_twice_and_with_nothing_are_read(
    cast: Cast, idp: SamlProvider, saml_provider: IdentityProvider
) -> None:
    client = browser(cast.host)
    enter = {"attributes": {NUMBER: ["", "STUD"], "urn:x": []}}
    assert saml_sign_in(client, idp, saml_provider, **enter).status_code == 302
    assert user_of(client) == cast.student.user_id
