"""Daily roots: the state of each chain, signed, and written where its operator wants it."""

import json
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings
from django.db.models import Max

from apps.audit.chain import content_sha256
from apps.audit.digests import GONE, START, next_digest, root_digest, signed_bytes
from apps.audit.models import Root, RootCopy
from apps.audit.places import RootFile, RootsTarget, configured_places
from apps.audit.services.chains import Log, chain_name, entered, every_log_owner
from apps.audit.services.sealing import seal_pending
from apps.common.crypto import PLATFORM, campus_key, older_keys
from apps.tenants.models import Campus
from apps.tenants.scope import platform_scope
from apps.tenants.signed import signed_act

logger = logging.getLogger(__name__)

PURPOSE: Final = "audit-root"


@dataclass(kw_only=True)
class RootsOutcome:
    """How many roots were made and copies written; which places could not be written to."""

    made: int = 0
    written: int = 0
    failed: list[str] = field(default_factory=list)


def signing_key() -> Ed25519PrivateKey:
    """`AUDIT_SIGNING_KEY`, or one derived from the first master key where it is not set.

    Its public key is kept elsewhere, so it stays when the master key is replaced.
    """
    derived = [campus_key(PURPOSE, PLATFORM), *older_keys(PURPOSE, PLATFORM)][-1]
    seed: bytes = settings.AUDIT_SIGNING_KEY or derived
    return Ed25519PrivateKey.from_private_bytes(seed)


def public_key() -> bytes:
    """32 bytes; keep them where the roots are not."""
    return signing_key().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def as_dict(root: Root) -> dict[str, Any]:
    """The root as its file and exports show it."""
    return {
        "format": "campus-audit-root",
        "version": 1,
        "campus": root.campus_id or PLATFORM,
        "chain": root.chain,
        "day": root.day.isoformat(),
        "position": root.position,
        "head": bytes(root.head).hex(),
        "set_aside": root.set_aside,
        "previous": bytes(root.previous).hex(),
        "made_at": root.made_at.astimezone(UTC).isoformat(timespec="microseconds"),
        "public_key": bytes(root.public_key).hex(),
        "signature": bytes(root.signature).hex(),
    }


def root_make(*, campus: Campus | None, now: datetime) -> Root | None:
    """Today's root of this chain (None: the platform's); None where it exists or nothing is sealed.

    Only what was sealed since the root before is read; if entries before it are gone the chain is
    read from its start, and the older root will show it.
    """
    day = now.astimezone(UTC).date()
    with platform_scope():
        before = Root.objects.filter(campus=campus).order_by("-day", "-pk").first()
        if before is not None and before.day >= day:
            return None
        with entered(campus) as log:
            log.lock()
            while seal_pending(now=now, log=log, late=True):
                pass
            position, head = _head(log, before)
            set_aside = log.bad_entries.objects.count()
        if position == 0:
            return None
        root = Root(
            campus=campus,
            chain=chain_name(campus),
            day=day,
            position=position,
            head=head,
            set_aside=set_aside,
            previous=bytes.fromhex(root_digest(as_dict(before))) if before else START,
            made_at=now,
            public_key=public_key(),
        )
        root.signature = signing_key().sign(signed_bytes(as_dict(root)))
        with signed_act(Root._meta.db_table):
            root.save(force_insert=True)
    return root


def _head(log: Log, before: Root | None) -> tuple[int, bytes]:
    """The last position of the chain and the digest there."""
    last = log.seals.objects.aggregate(last=Max("position"))["last"] or 0
    position, digest = 0, START
    if before is not None and before.position <= last:
        position, digest = before.position, bytes(before.head)
    elif before is not None:
        logger.error("The chain is shorter than its root of %s says.", before.day)
    for seal, entry in log.steps(after=position):
        digest = next_digest(
            digest,
            position=seal.position,
            entry_id=seal.entry_id,
            content_sha256=GONE if entry is None else content_sha256(entry),
            mac=b"" if entry is None else bytes(entry.mac),
        )
        position = seal.position
    return position, digest


def roots_write(*, now: datetime) -> RootsOutcome:
    """Write every root that a place lacks there, and note that it was done."""
    outcome = RootsOutcome()
    for place in configured_places():
        with platform_scope():
            lacking = list(Root.objects.exclude(copies__place=place.name).order_by("day", "chain"))
        if written := _written(place, lacking, outcome):
            with platform_scope(), signed_act(RootCopy._meta.db_table):
                RootCopy.objects.bulk_create(
                    [RootCopy(root=root, place=place.name, written_at=now) for root in written],
                    ignore_conflicts=True,
                )
            outcome.written += len(written)
    return outcome


def _written(place: RootsTarget, lacking: list[Root], outcome: RootsOutcome) -> list[Root]:
    """Those of these roots that the place keeps now.

    Another file in the place of one root keeps none of the others away; a place that does not work
    is left alone until the next run.
    """
    written: list[Root] = []
    for roots in [lacking] if place.together and lacking else [[root] for root in lacking]:
        try:
            place.write([_file(root) for root in roots])
        except Exception as error:  # whatever a disk, a mail server or S3 may say
            logger.exception("Audit roots could not be written (%s).", place.name)
            outcome.failed.append(f"{place.name}: {type(error).__name__}: {error}")
            if not isinstance(error, FileExistsError):
                break
        else:
            written += roots
    return written


def _file(root: Root) -> RootFile:
    return RootFile(
        name=f"{root.chain}/{root.day.isoformat()}.json",
        content=json.dumps(as_dict(root), indent=1).encode() + b"\n",
    )


def roots_make_and_write(*, now: datetime) -> RootsOutcome:
    """Today's root of every chain, and copies of all that some place still lacks."""
    made = sum(
        root_make(campus=campus, now=now) is not None
        for campus in every_log_owner(reason="sign the audit chains")
    )
    outcome = roots_write(now=now)
    outcome.made = made
    return outcome
