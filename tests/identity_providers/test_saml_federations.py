"""Federations: three providers in two signed documents, what each may say, and keys that change."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone
from lxml import etree

from apps.audit.models import Entry
from apps.identity_providers import tasks
from apps.identity_providers.models import IdentityProvider, MetadataSource
from apps.identity_providers.saml import sources
from apps.identity_providers.services import federations as service
from apps.identity_providers.services import metadata_read
from apps.saml.entities import Entity
from apps.tenants.scope import campus_scope
from tests.admin.support import client_of, fields_of, url
from tests.factories import Cast
from tests.identity_providers.saml_server import (
    AFFILIATION,
    DSIG,
    NAMES,
    PAIRWISE,
    SCOPE,
    TRANSIENT,
    Federation,
    SamlProvider,
    key_of,
    posted,
    signed,
    stamp,
)
from tests.identity_providers.saml_support import (
    federation_of,
    post,
    read,
    said,
    saml_set_up,
    saml_sign_in,
)
from tests.identity_providers.support import address, browser, change, led_to, user_of, words

pytestmark = pytest.mark.django_db


@pytest.fixture
def picked(cast: Cast, federations: list[Federation]) -> list[IdentityProvider]:
    """The three providers of the two federations, all picked by campus "north"."""
    found = []
    for server in federations:
        source = federation_of(cast.campus, server)
        for idp in server.providers:
            found.append(saml_set_up(cast.campus, idp, source=source))
    assert read(cast.campus) == 3
    return found


def now_is(provider: IdentityProvider) -> IdentityProvider:
    with campus_scope(provider.campus):
        return IdentityProvider.objects.get(pk=provider.pk)


def test_three_providers_of_two_federations(
    cast: Cast, federations: list[Federation], picked: list[IdentityProvider]
) -> None:
    north, college = federations[0].providers
    (south,) = federations[1].providers
    page = words(browser(cast.host).get("/accounts/login/"))
    for idp, provider, number, who in (
        (north, picked[0], "STUD", cast.student),
        (college, picked[1], "MATE", cast.classmate),
        (south, picked[2], "LECT", cast.lecturer),
    ):
        assert f"Continue with {idp.name} login" in page
        client = browser(cast.host)
        enter = said(number, name_format=TRANSIENT, attributes={PAIRWISE: f"one@{idp.scopes[0]}"})
        assert saml_sign_in(client, idp, provider, **enter).status_code == 302
        assert user_of(client) == who.user_id
    assert [server.heard.count("/all") for server in federations] == [1, 1]
    with campus_scope(cast.campus):
        source = MetadataSource.objects.get(name=federations[0].name)
    assert source.read_at is not None
    assert source.valid_until is not None
    assert source.problem == ""


def test_a_campus_offers_the_providers_that_it_has_picked(
    cast: Cast, other_cast: Cast, federations: list[Federation]
) -> None:
    source = federation_of(cast.campus, federations[0])
    saml_set_up(cast.campus, federations[0].providers[0], source=source)
    read(cast.campus)
    page = words(browser(cast.host).get("/accounts/login/"))
    assert "Continue with north login" in page
    assert "college" not in page
    assert "north login" not in words(browser(other_cast.host).get("/accounts/login/"))
    college = federations[0].providers[1]
    assert college.entity_id
    answer = college.response(None, in_response_to="_x")
    signed(answer, college.keys[0], place=answer.find("saml:Assertion", NAMES))
    assert post(browser(cast.host), posted(answer)).status_code == 404


def test_nobody_speaks_for_another_ones_scope(
    cast: Cast, federations: list[Federation], picked: list[IdentityProvider]
) -> None:
    """Neither in the own federation nor across: ids and affiliations with others' scopes fall."""
    rules = "student: eduPersonScopedAffiliation = student@north.example"
    for provider in picked:
        change(provider, rules=rules)
    everybody = [*federations[0].providers, *federations[1].providers]
    for idp, provider in list(zip(everybody, picked, strict=True))[1:]:
        own = {PAIRWISE: f"a@{idp.scopes[0]}"}
        client = browser(cast.host)
        foreign = said("STUD", attributes={**own, AFFILIATION: "student@north.example"})
        assert saml_sign_in(client, idp, provider, **foreign).status_code == 403
        id_of_another = said(
            "STUD", name_format=TRANSIENT, attributes={PAIRWISE: "a@north.example"}
        )
        refused = saml_sign_in(client, idp, provider, **id_of_another)
        assert "no id that stays yours" in words(refused)
        # Nor by the other one's name, with its own key.
        location = led_to(client, picked[0])
        mixed = idp.answer_to(location, **said("STUD", issuer=everybody[0].entity_id))
        assert "could not be believed" in words(post(client, mixed))
        assert user_of(client) is None
    enter = said(
        "STUD", attributes={PAIRWISE: "a@north.example", AFFILIATION: "student@north.example"}
    )
    answer = saml_sign_in(browser(cast.host), everybody[0], picked[0], **enter)
    assert answer.status_code == 302


def unsigned(server: Federation) -> None:
    server.signs_with = None


def of_a_stranger(server: Federation) -> None:
    server.signs_with = key_of("attacker")


def expired(server: Federation) -> None:
    server.until = -60


def endless(server: Federation) -> None:
    server.until = None


def changed(server: Federation) -> None:
    def bend(root: Any) -> Any:
        root.find(".//shibmd:Scope", NAMES).text = "south.example"
        return root

    server.bend = bend


def wrapped(server: Federation) -> None:
    """The signed document lies in another one, which names the attacker's key."""
    evil = SamlProvider("north", ["north.example"], server.place, [key_of("attacker")])

    def bend(root: Any) -> Any:
        outer = etree.Element(root.tag, {"ID": root.get("ID"), "validUntil": stamp(3600)})
        signature = root.find("ds:Signature", NAMES)
        root.remove(signature)
        outer.append(signature)
        outer.append(evil.descriptor())
        outer.append(root)
        return outer

    server.bend = bend


def with_a_dtd(server: Federation) -> None:
    server.document = lambda path: b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"  # type: ignore[method-assign]


def large(server: Federation) -> None:
    server.document = lambda path: b"<a>" + b" " * (1 << 21) + b"</a>"  # type: ignore[method-assign]


def gone(server: Federation) -> None:
    server.document = lambda path: None  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (unsigned, "unsigned"),
        (of_a_stranger, "unsigned"),
        (changed, "unsigned"),
        (wrapped, "unsigned"),
        (expired, "expired"),
        (endless, "endless"),
        (with_a_dtd, "unreadable"),
        (large, "away"),
        (gone, "missing"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
@pytest.mark.parametrize("kind", ["aggregate", "mdq"])
def test_a_document_that_cannot_be_believed_is_refused(
    cast: Cast,
    federations: list[Federation],
    spoil: Callable[[Federation], None],
    problem: str,
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Never read it lets nobody in; read before, what was read holds."""
    small = sources.SMALL
    monkeypatch.setattr(sources, "LARGE", small)
    server = federations[0]
    where = {"address": f"{server.url}/{'all' if kind == 'aggregate' else 'mdq/'}"}
    source = federation_of(cast.campus, server, kind=kind, **where)
    provider = saml_set_up(cast.campus, server.providers[0], source=source)
    read(cast.campus)
    known = now_is(provider)
    assert known.entity is not None
    try:
        spoil(server)
        assert read(cast.campus) == 0
        with campus_scope(cast.campus):
            source.refresh_from_db()
        assert (source if kind == "aggregate" else now_is(provider)).problem == problem
        if not (kind == "mdq" and problem == "missing"):  # that one it does not have any more
            assert now_is(provider).entity == known.entity
        change(provider, entity=None)
        assert read(cast.campus) == 0
    finally:
        server.__dict__.pop("document", None)
    page = browser(cast.host).get(address(provider))
    assert (page.status_code, "cannot be used here" in words(page)) == (424, True)


def test_a_document_holds_until_its_end_and_no_longer(
    cast: Cast, federations: list[Federation], picked: list[IdentityProvider]
) -> None:
    """A federation that is silent: its providers go on until the day that it named."""
    server = federations[0]
    server.signs_with = None
    assert read(cast.campus) == 1  # the other federation's
    assert browser(cast.host).get(address(picked[0])).status_code == 302
    entity = {**(now_is(picked[0]).entity or {}), "until": stamp(-1)}
    change(picked[0], entity=entity)
    assert browser(cast.host).get(address(picked[0])).status_code == 424


def test_a_provider_that_leaves_its_federation_is_out_at_once(
    cast: Cast, federations: list[Federation], picked: list[IdentityProvider]
) -> None:
    north, college = federations[0].providers
    client = browser(cast.host)
    answer = college.answer_to(led_to(client, picked[1]), **said("STUD"))
    federations[0].providers = [north]
    assert read(cast.campus) == 2
    assert now_is(picked[1]).problem == "missing"
    assert read(cast.campus) == 2
    with campus_scope(cast.campus):
        dropped = Entry.objects.get(action="identity_providers.metadata.dropped")
        assert dropped.target_id == str(picked[1].pk)
    assert post(client, answer).status_code == 424
    assert browser(cast.host).get(address(picked[0])).status_code == 302


def test_a_provider_whose_own_page_is_gone_goes_on_by_what_was_read(
    cast: Cast, federations: list[Federation]
) -> None:
    """No federation says that it has left: the page may only be away while its server starts."""
    server = federations[0]
    page = f"{server.url}/own/north"
    provider = saml_set_up(cast.campus, server.providers[0], metadata_url=page)
    known = now_is(provider).entity
    assert known is not None
    server.providers = []
    assert read(cast.campus) == 0
    assert (now_is(provider).problem, now_is(provider).entity) == ("missing", known)
    assert browser(cast.host).get(address(provider)).status_code == 302


def test_a_provider_that_stands_twice_in_a_document_is_not_taken(
    cast: Cast, federations: list[Federation], picked: list[IdentityProvider]
) -> None:
    north = federations[0].providers[0]
    before = now_is(picked[0]).entity
    evil = SamlProvider("north", ["south.example"], keys=[key_of("attacker")])
    federations[0].providers = [north, evil]
    read(cast.campus)
    assert (now_is(picked[0]).problem, now_is(picked[0]).entity) == ("unusable", before)


@pytest.mark.parametrize("kind", ["aggregate", "mdq", "own"])
def test_keys_that_change_are_survived(
    cast: Cast, federations: list[Federation], kind: str
) -> None:
    """Both are published for a while; then the old one is gone, and no longer believed."""
    server = federations[0]
    idp = server.providers[0]
    if kind == "own":
        provider = saml_set_up(cast.campus, idp, metadata_url=f"{server.url}/own/north")
    else:
        path = "all" if kind == "aggregate" else "mdq"
        source = federation_of(cast.campus, server, kind=kind, address=f"{server.url}/{path}")
        provider = saml_set_up(cast.campus, idp, source=source)
    read(cast.campus)
    old, new = idp.keys[0], key_of("north's next key")

    def comes_in(key: Any) -> bool:
        client = browser(cast.host)
        return saml_sign_in(client, idp, provider, key=key, **said("STUD")).status_code == 302

    assert comes_in(old)
    assert not comes_in(new)
    idp.keys = [old, new]
    assert not comes_in(new)
    read(cast.campus)
    assert comes_in(new)
    assert comes_in(old)
    idp.keys = [new]
    read(cast.campus)
    assert comes_in(new)
    assert not comes_in(old)
    with campus_scope(cast.campus):
        changes = Entry.objects.filter(action="identity_providers.metadata.changed")
        assert changes.count() == 3  # read first, with both keys, with the new one


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What workers are asked for."""
    found: list[tuple[Any, ...]] = []
    monkeypatch.setattr(service, "enqueue", lambda *asked: found.append(asked))
    return found


@pytest.mark.parametrize("kind", ["mdq", "own"])
def test_no_request_waits_for_the_metadata_of_a_provider(
    cast: Cast, federations: list[Federation], woken: list[tuple[Any, ...]], kind: str
) -> None:
    """Anybody may post an answer that is not believed, and whoever publishes the metadata may take
    seconds to give it: a worker reads it, once a minute at most."""
    server = federations[0]
    idp = server.providers[0]
    if kind == "own":
        provider = saml_set_up(cast.campus, idp, metadata_url=f"{server.url}/own/north")
    else:
        source = federation_of(cast.campus, server, kind="mdq", address=f"{server.url}/mdq")
        provider = saml_set_up(cast.campus, idp, source=source)
    woken.clear()
    before, new = len(server.heard), key_of("north's next key")
    idp.keys = [*idp.keys, new]
    for _often in range(3):
        answer = saml_sign_in(browser(cast.host), idp, provider, key=new, **said("STUD"))
        assert answer.status_code == 403
        assert "Try again in a minute" in words(answer)
    assert len(server.heard) == before
    assert woken == [(service.PROVIDER_TASK, str(provider.pk))]
    with campus_scope(cast.campus):
        assert tasks.read_provider(str(provider.pk)) == 1
    assert (
        saml_sign_in(browser(cast.host), idp, provider, key=new, **said("STUD")).status_code == 302
    )
    # Nor does an administrator who saves it.
    office, page = client_of(cast, cast.admin), url(IdentityProvider, "change", provider.pk)
    before = len(server.heard)
    sent = {**fields_of(office.get(page)), "name": "Another name"}
    assert "read now" in words(office.post(page, sent, follow=True))
    assert len(server.heard) == before
    assert woken[1:] == [(service.PROVIDER_TASK, str(provider.pk))]


def test_a_campus_has_one_worker_for_its_metadata(
    cast: Cast, federations: list[Federation], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes meanwhile is not lost: everything is read once more."""
    source = federation_of(cast.campus, federations[0])
    provider = saml_set_up(cast.campus, federations[0].providers[0], source=source)
    woken: list[Any] = []
    monkeypatch.setattr(tasks, "enqueue", woken.append)
    genuine, meanwhile = tasks.metadata_read, []

    def reading(**more: Any) -> int:
        meanwhile.append(tasks.read_provider(str(provider.pk)))
        meanwhile.append(tasks.read_metadata(source.pk))
        return genuine(**more)

    monkeypatch.setattr(tasks, "metadata_read", reading)
    with campus_scope(cast.campus):
        assert tasks.read_metadata() == 1
    assert meanwhile == [0, 0]
    assert woken == [tasks.read_metadata]


def test_a_campus_whose_metadata_is_slow_ends_in_time(
    cast: Cast, federations: list[Federation], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = federation_of(cast.campus, federations[0], kind="mdq")
    saml_set_up(cast.campus, federations[0].providers[0], source=source)
    monkeypatch.setattr(service, "READ_SECONDS", -1.0)
    before = len(federations[0].heard)
    assert read(cast.campus) == 0
    assert len(federations[0].heard) == before


def test_the_service_is_asked_for_one_provider_at_a_time(
    cast: Cast, federations: list[Federation]
) -> None:
    server = federations[0]
    source = federation_of(cast.campus, server, kind="mdq", address=f"{server.url}/mdq/")
    provider = saml_set_up(cast.campus, server.providers[0], source=source)
    assert server.heard == ["/mdq/entities/https%3A%2F%2Fnorth.example%2Fidp"]
    assert provider.entity is not None
    unknown = saml_set_up(cast.campus, SamlProvider("nobody", ["x.example"]), source=source)
    assert now_is(unknown).problem == "missing"


def test_a_signed_answer_for_another_provider_is_none(
    cast: Cast, federations: list[Federation]
) -> None:
    """A service, or who stands before it, that answers with somebody else's genuine metadata."""
    server = federations[0]
    source = federation_of(cast.campus, server, kind="mdq", address=f"{server.url}/mdq")
    college = server.document("/mdq/entities/https%3A%2F%2Fcollege.example%2Fidp")
    server.document = lambda path: college  # type: ignore[method-assign]
    try:
        provider = saml_set_up(cast.campus, server.providers[0], source=source)
    finally:
        server.__dict__.pop("document")
    assert now_is(provider).problem == "missing"
    assert now_is(provider).entity is None


def test_a_federation_changes_its_key_with_both_entered(
    cast: Cast, federations: list[Federation], picked: list[IdentityProvider]
) -> None:
    new = key_of("the federation's next key")
    both = federations[0].key.certificate + new.certificate
    with campus_scope(cast.campus):
        MetadataSource.objects.filter(name=federations[0].name).update(certificates=both)
    assert read(cast.campus) == 3
    federations[0].signs_with = new
    assert read(cast.campus) == 3


BAD_ROLES: list[tuple[str, str]] = [
    (f'protocolSupportEnumeration="{NAMES["samlp"]}"', 'protocolSupportEnumeration="urn:other"'),
    ("HTTP-Redirect", "HTTP-POST"),
    ("http://127.0.0.1:1/", "http://127.0.0.1:2/"),
    ("http://127.0.0.1:1/north/sso", "javascript:alert(1)"),
    ('use="signing"', 'use="encryption"'),
    ("<ds:X509Certificate>", "<ds:X509Certificate>AAAA"),
]


@pytest.mark.parametrize(("old", "new"), BAD_ROLES)
def test_metadata_by_which_nobody_can_sign_in_is_not_taken(
    cast: Cast, idp: SamlProvider, old: str, new: str
) -> None:
    text = idp.metadata()
    assert old in text
    provider = saml_set_up(cast.campus, idp)
    change(provider, entity=None, metadata_text=text.replace(old, new))
    read(cast.campus)
    assert now_is(provider).problem == "unusable"
    assert now_is(provider).entity is None


def test_scopes_that_are_patterns_are_not_taken(cast: Cast, idp: SamlProvider) -> None:
    extra = f'<x:Scope xmlns:x="{SCOPE}" regexp="true">^.*$</x:Scope>'
    text = etree.tostring(idp.descriptor(extra=extra)).decode()
    assert DSIG in text
    provider = saml_set_up(cast.campus, idp)
    change(provider, metadata_text=text)
    read(cast.campus)
    assert (now_is(provider).entity or {})["scopes"] == ["north.example"]


def test_what_was_changed_meanwhile_is_not_overwritten(
    cast: Cast, federations: list[Federation], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody names another provider while the document is read."""
    server = federations[0]
    source = federation_of(cast.campus, server)
    provider = saml_set_up(cast.campus, server.providers[0], source=source)
    genuine = service.aggregate_of

    def meanwhile(source: MetadataSource, **more: Any) -> Any:
        change(provider, issuer="https://another.example/idp")
        return genuine(source, **more)

    monkeypatch.setattr(service, "aggregate_of", meanwhile)
    read(cast.campus)
    assert now_is(provider).entity is None


def test_the_worker_reads_each_campus_that_has_such_providers(
    cast: Cast, other_cast: Cast, federations: list[Federation], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = federation_of(cast.campus, federations[0])
    saml_set_up(cast.campus, federations[0].providers[0], source=source)
    woken: list[Any] = []
    monkeypatch.setattr(
        tasks.read_metadata, "apply_async", lambda *args, **more: woken.append(args)
    )
    assert tasks.collect() == 1
    assert len(woken) == 1
    assert metadata_read(campus_id=cast.campus.pk, clock=timezone.now, source_id=source.pk) == 1
    other = federation_of(cast.campus, federations[1])
    assert metadata_read(campus_id=cast.campus.pk, clock=timezone.now, source_id=other.pk) == 0
    with campus_scope(cast.campus):
        assert tasks.read_metadata(source.pk) == 1
        assert tasks.read_metadata() == 1
    with campus_scope(other_cast.campus):
        assert tasks.read_metadata() == 0


# --- A federation that is trusted no more ------------------------------------------------------


def test_what_a_former_signer_vouched_for_holds_no_more(
    cast: Cast, federations: list[Federation], picked: list[IdentityProvider]
) -> None:
    """A certificate that is taken away may have been stolen; one beside it changes nothing."""
    office, server = client_of(cast, cast.admin), federations[0]
    assert picked[0].source is not None
    page = url(MetadataSource, "change", picked[0].source.pk)

    def save(**changes: str) -> None:
        sent = {**fields_of(office.get(page)), **changes}
        assert office.post(page, sent).status_code == 302

    both = server.key.certificate + key_of("next").certificate
    save(certificates=both)
    assert now_is(picked[0]).entity is not None
    save(certificates=key_of("next").certificate)
    assert [now_is(one).entity is None for one in picked] == [True, True, False]
    with campus_scope(cast.campus):
        dropped = Entry.objects.filter(action="identity_providers.metadata.dropped")
        assert {one.actor_label for one in dropped} == {"Admin"}
        assert dropped.count() == 2
    assert browser(cast.host).get(address(picked[0])).status_code == 424
    save(certificates=both)
    assert read(cast.campus) == 3
    save(address=f"{federations[1].url}/all")
    assert [now_is(one).entity is None for one in picked] == [True, True, False]


def test_what_was_read_before_that_is_not_kept(
    cast: Cast, federations: list[Federation], picked: list[IdentityProvider]
) -> None:
    """A worker was at it while the certificate was taken away."""
    with campus_scope(cast.campus):
        provider = IdentityProvider.objects.select_related("source").get(pk=picked[0].pk)
        reading = service.EntityReading(entity=Entity.kept(provider.entity))
        MetadataSource.objects.filter(pk=provider.source_id).update(
            certificates=key_of("next").certificate
        )
        IdentityProvider.objects.filter(pk=provider.pk).update(entity=None)
        service.provider_metadata_store(provider=provider, reading=reading, now=timezone.now())
    assert now_is(picked[0]).entity is None
