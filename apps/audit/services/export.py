"""The whole log of one chain as lines of JSON, for `apps.audit.offline` and for keeping."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from apps.audit.chain import content_of, redaction_of
from apps.audit.models import Root
from apps.audit.services.chains import chain_name, entered
from apps.audit.services.roots import as_dict, public_key
from apps.common.crypto import PLATFORM
from apps.tenants.models import Campus
from apps.tenants.scope import platform_scope


def export_log(*, campus: Campus | None, now: datetime) -> Iterator[str]:
    """Lines: the chain, its roots, every entry in its place, those without one, the end.

    Everything in one transaction: the lines belong together.
    """
    with platform_scope():
        roots = list(Root.objects.filter(campus=campus).order_by("day"))
        yield _line("chain", _heading(campus, now))
        for root in roots:
            yield _line("root", as_dict(root))
        with entered(campus) as log:
            known_bad = log.put_aside()
            total = 0
            for seal, entry in log.steps():
                total += 1
                row = {"position": seal.position, "entry": str(seal.entry_id)}
                kept = {} if entry is None else _kept(entry, known_bad)
                yield _line("removed" if entry is None else "entry", {**row, **kept})
            for entry in log.unsealed():
                yield _line("unsealed", {"entry": str(entry.pk), **_kept(entry, known_bad)})
        yield _line("end", {"entries": total})


def _heading(campus: Campus | None, now: datetime) -> dict[str, Any]:
    return {
        "format": "campus-audit",
        "version": 1,
        "campus": PLATFORM if campus is None else campus.pk,
        "chain": chain_name(campus),
        "exported_at": now.isoformat(),
        "public_key": public_key().hex(),
    }


def _kept(entry: Any, known_bad: set[UUID]) -> dict[str, Any]:
    redaction = redaction_of(entry)
    first = {} if redaction is None else {"content_sha256": bytes(redaction.content_sha256).hex()}
    return {
        **first,
        "mac": bytes(entry.mac).hex(),
        "set_aside": entry.pk in known_bad,
        "content": content_of(entry),
    }


def _line(kind: str, content: dict[str, Any]) -> str:
    return json.dumps({"type": kind, **content}, ensure_ascii=False) + "\n"
