"""Reading metadata: of a federation, whose signature is checked, or of one provider itself."""

from datetime import datetime
from typing import Final
from urllib.parse import quote

from apps.common.answers import AddressRefused, Limits, NoAnswer
from apps.common.http import HttpClient
from apps.identity_providers.models import IdentityProvider, MetadataSource
from apps.identity_providers.problems import MetadataProblem, MetadataRefused
from apps.saml.documents import (
    Element,
    XmlRefused,
    certificates_in,
    check_signed,
    parsed,
    tag,
)
from apps.saml.entities import Entity, end_of, entities_in, entity_of

# Of one provider: a browser may wait for it.
SMALL: Final = HttpClient(limits=Limits(connect=2.0, whole=4.0, body=1 << 20), connections=2)
# Of a whole federation, read by a worker: 28 MB (6,000 providers) take it a second and 70 MB.
LARGEST: Final = 48 << 20
LARGE: Final = HttpClient(limits=Limits(connect=5.0, whole=90.0, body=LARGEST))
ACCEPTED: Final = "application/samlmetadata+xml, application/xml;q=0.8, text/xml;q=0.8"
PARTS: Final = frozenset({tag("md:EntityDescriptor"), tag("md:EntitiesDescriptor")})


def aggregate_of(source: MetadataSource, *, now: datetime) -> Element:
    """A federation's document, as its certificate vouches for it. Raises `MetadataRefused`."""
    root = _document(_fetched(LARGE, source.address), LARGEST)
    _check(root, source.certificates, now)
    return root


def entity_from(provider: IdentityProvider, *, now: datetime) -> Entity:
    """By the service of its federation, from its own address, or as it was pasted.

    Raises `MetadataRefused`.
    """
    source = provider.source
    if source is not None:
        base, name = source.address.rstrip("/"), quote(provider.issuer, safe="")
        root = _document(_fetched(SMALL, f"{base}/entities/{name}"), 1 << 20)
        _check(root, source.certificates, now)
    elif provider.metadata_url:
        root = _document(_fetched(SMALL, provider.metadata_url), 1 << 20)
    else:
        root = _document(provider.metadata_text.encode(), 1 << 20)
    return entity_in(root, provider.issuer, now=now)


def entity_in(root: Element, entity_id: str, *, now: datetime) -> Entity:
    """What this document says of this provider. Raises `MetadataRefused`."""
    found = [one for one in entities_in(root) if one.get("entityID") == entity_id]
    if len(found) != 1:
        problem = MetadataProblem.UNUSABLE if found else MetadataProblem.MISSING
        raise MetadataRefused(problem, f"{len(found)} times in it")
    try:
        entity = entity_of(found[0])
    except XmlRefused as error:
        raise MetadataRefused(MetadataProblem.UNUSABLE, str(error)) from error
    if not entity.holds(now):
        raise MetadataRefused(MetadataProblem.EXPIRED)
    if not _askable(entity):
        raise MetadataRefused(MetadataProblem.UNUSABLE, "an address that is not asked")
    return entity


def _askable(entity: Entity) -> bool:
    """Browsers are led to addresses of https alone, as the client for requests understands it."""
    addresses = (entity.sign_in, entity.sign_out, entity.sign_out_answer)
    return all(SMALL.allows(one) for one in addresses if one)


def _fetched(client: HttpClient, address: str) -> bytes:
    try:
        answer = client.request("GET", address, headers={"Accept": ACCEPTED})
    except (AddressRefused, NoAnswer) as error:
        raise MetadataRefused(MetadataProblem.AWAY, str(error)) from error
    if answer.status == 404:
        raise MetadataRefused(MetadataProblem.MISSING, "404")
    if answer.status != 200:
        raise MetadataRefused(MetadataProblem.AWAY, str(answer.status))
    return answer.body


def _document(raw: bytes, longest: int) -> Element:
    try:
        root = parsed(raw, longest=longest)
    except XmlRefused as error:
        raise MetadataRefused(MetadataProblem.UNREADABLE, str(error)) from error
    if root.tag not in PARTS:
        raise MetadataRefused(MetadataProblem.UNREADABLE, "another document")
    return root


def _check(root: Element, certificates: str, now: datetime) -> None:
    """Signed as a whole by the federation, and with an end that lies ahead: else an old document
    could be shown for ever, with a key that was stolen since."""
    try:
        check_signed(root, certificates_in(certificates))
    except XmlRefused as error:
        raise MetadataRefused(MetadataProblem.UNSIGNED, str(error)) from error
    try:
        until = end_of(root)
    except XmlRefused as error:
        raise MetadataRefused(MetadataProblem.UNREADABLE, str(error)) from error
    if until is None:
        raise MetadataRefused(MetadataProblem.ENDLESS)
    if until <= now:
        raise MetadataRefused(MetadataProblem.EXPIRED)
