"""Checks an export of the audit log without the database, the master key, or Django.

    python -m apps.audit.offline log.jsonl --roots FOLDER --public-key HEX

Recomputes the digests of every entry and compares them with the signed roots: those inside the
export, and those kept elsewhere (`--roots`), out of reach of anyone who changes the log.
What came after the last root is only checked for being complete in itself. The MACs need the
master key: `manage.py verify_audit`.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from apps.audit.digests import GONE, START, canonical_json, next_digest, root_digest, signed_bytes

ROOT_FORMAT: Final = ("campus-audit-root", 1)
ROOT_FIELDS: Final = {
    "campus": int,
    "chain": str,
    "day": str,
    "position": int,
    "head": str,
    "previous": str,
}
EXPORT_FORMAT: Final = ("campus-audit", 1)


_MALFORMED: Final = (
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    OverflowError,
    RecursionError,
)


class UnreadableExport(Exception):
    """A file is no export, or no root."""


@dataclass(kw_only=True)
class AuditReport:
    """What was found about one chain. `covered`: entries up to the last root that fits."""

    chain: str
    campus: int
    public_key: str
    entries: int = 0
    unsealed: int = 0
    set_aside: int = 0
    redacted: int = 0
    covered: int = 0
    roots: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass(kw_only=True)
class _Chain:
    report: AuditReport
    roots: list[dict[str, Any]]
    digest: bytes = START
    position: int = 0
    heads: dict[int, str] = field(default_factory=dict)
    is_over: bool = False
    is_complete: bool = False

    def take(self, row: dict[str, Any]) -> None:
        """One line of the export after the chain's first."""
        if self.is_over:
            self.report.problems.append("there are lines after its end")
        match row.pop("type", None):
            case "root":
                self.roots.append(row)
            case "entry" | "removed" as kind:
                self._step(row, is_there=kind == "entry")
            case "unsealed":
                self.report.unsealed += 1
                self.report.set_aside += bool(row.get("set_aside"))
            case "end":
                self.is_over = True
                self.is_complete = row["entries"] == self.report.entries
            case kind:
                raise UnreadableExport(f"A line of an unknown kind: {kind}")

    def _step(self, row: dict[str, Any], *, is_there: bool) -> None:
        position, entry = row["position"], row["entry"]
        if position != self.position + 1:
            self.report.problems.append(f"after position {self.position} comes {position}")
        if not is_there:
            self.report.problems.append(f"position {position}: entry {entry} was removed")
        elif row["content"]["campus"] != self.report.campus:
            self.report.problems.append(f"position {position}: entry {entry} is of another chain")
        self.digest = next_digest(
            self.digest,
            position=position,
            entry_id=UUID(entry),
            content_sha256=_content_sha256(row) if is_there else GONE,
            mac=bytes.fromhex(row["mac"]) if is_there else b"",
        )
        self.position = position
        self.heads[position] = self.digest.hex()
        self.report.entries += 1
        self.report.set_aside += bool(row.get("set_aside"))
        self.report.redacted += "content_sha256" in row

    def finish(self, kept: Iterable[dict[str, Any]], public_key: str) -> AuditReport:
        if not self.is_complete:
            self.report.problems.append("the export ends before its end")
        kept = list(kept)
        self._name(kept)
        elsewhere = [root for root in kept if root["campus"] == self.report.campus]
        if kept and not elsewhere and self.report.entries:
            self.report.problems.append("none of the roots that were kept elsewhere is of it")
        for root in {canonical_json(root): root for root in (*self.roots, *elsewhere)}.values():
            self._compare(root, public_key or self.report.public_key)
        if self.roots and min(self.roots, key=_day)["previous"] != START.hex():
            self.report.problems.append("the first roots are missing in the export")
        self._order(self.roots, "in the export")
        self._order(elsewhere, "kept elsewhere")
        return self.report

    def _name(self, kept: list[dict[str, Any]]) -> None:
        """The heading is not signed, the names in the roots are; a campus may be renamed."""
        roots = [root for root in (*self.roots, *kept) if root["campus"] == self.report.campus]
        names = sorted({root["chain"] for root in roots})
        if names and self.report.chain not in names:
            self.report.problems.append(f"its roots call it {', '.join(names)}")

    def _compare(self, root: dict[str, Any], public_key: str) -> None:
        day, position = root["day"], root["position"]
        if root["campus"] != self.report.campus:
            self.report.problems.append(f"root of {day}: of another chain")
        elif not is_signed(root, public_key):
            self.report.problems.append(f"root of {day}: not signed by the key {public_key}")
        elif position > self.position:
            missing = position - self.position
            self.report.problems.append(f"root of {day}: {missing} entries are missing at the end")
        elif self.heads.get(position) != root["head"]:
            self.report.problems.append(
                f"root of {day}: the entries up to position {position} are not the ones of that day"
                f" (up to {self.report.covered} they are)"
            )
        else:
            self.report.roots += 1
            self.report.covered = max(self.report.covered, position)

    def _order(self, roots: list[dict[str, Any]], where: str) -> None:
        """Each root names the one before it."""
        known = sorted(roots, key=_day)
        for before, root in pairwise(known):
            if root["previous"] != root_digest(before):
                self.report.problems.append(
                    f"root of {root['day']} ({where}): the one before it is missing or another"
                )


def _content_sha256(row: dict[str, Any]) -> bytes:
    """Of what was written. An entry of somebody who was erased shows less and names this digest."""
    if "content_sha256" in row:
        return bytes.fromhex(row["content_sha256"])
    return hashlib.sha256(canonical_json(row["content"])).digest()


def _day(root: dict[str, Any]) -> str:
    return str(root["day"])


def is_signed(root: dict[str, Any], public_key: str) -> bool:
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
        key.verify(bytes.fromhex(root["signature"]), signed_bytes(root))
    except (InvalidSignature, ValueError, KeyError, TypeError):
        return False
    return True


def roots_in(folder: Path) -> list[dict[str, Any]]:
    """The root files below this folder; other files in it are passed over."""
    if not folder.is_dir():
        raise UnreadableExport(f"{folder} is no folder.")
    found = []
    for path in sorted(folder.rglob("*.json")):
        try:
            root = _read(path.read_bytes())
        except (ValueError, RecursionError) as error:
            raise UnreadableExport(f"{path} is no root.") from error
        if isinstance(root, dict) and (root.get("format"), root.get("version")) == ROOT_FORMAT:
            if any(type(root.get(name)) is not kind for name, kind in ROOT_FIELDS.items()):
                raise UnreadableExport(f"{path} is no root.")
            found.append(root)
    return found


def _read(text: str | bytes) -> Any:
    """JSON in which nothing is said twice: people and programs read the same."""
    return json.loads(text, object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return read


def verify_export(
    lines: Iterable[str], *, kept: list[dict[str, Any]], public_key: str = ""
) -> Iterator[AuditReport]:
    """One report for each chain of the export; raises `UnreadableExport`.

    Without a public key the one that the export itself names is believed: that shows accidents, not
    an attacker. A chain of which roots were kept, and that is not in the export, has a report too.
    """
    chain: _Chain | None = None
    seen = set()
    try:
        for line in lines:
            row = _read(line)
            if row.get("type") == "chain":
                if chain is not None:
                    yield chain.finish(kept, public_key)
                chain = _opened(row)
                seen.add(chain.report.campus)
            elif chain is None:
                raise UnreadableExport("This is no export of an audit log.")
            else:
                chain.take(row)
        if chain is None:
            raise UnreadableExport("This is no export of an audit log.")
        yield chain.finish(kept, public_key)
    except _MALFORMED as error:
        raise UnreadableExport(f"This is no export of an audit log: {error}") from error
    names = {root["campus"]: root["chain"] for root in kept if root["campus"] not in seen}
    for campus, name in names.items():
        problem = "it is not in the export, and roots of it were kept"
        yield AuditReport(chain=name, campus=campus, public_key=public_key, problems=[problem])


def _opened(row: dict[str, Any]) -> _Chain:
    if (row["format"], row["version"]) != EXPORT_FORMAT:
        raise UnreadableExport("This is an export of another format.")
    report = AuditReport(chain=row["chain"], campus=row["campus"], public_key=row["public_key"])
    return _Chain(report=report, roots=[])


def check_export(*, path: str, roots: str | None, public_key: str, say: Any) -> int:
    """Check one file and print the findings. Returns the number of problems.

    Raises `UnreadableExport`.
    """
    problems = 0
    kept = roots_in(Path(roots)) if roots else []
    if not public_key:
        say("No --public-key: the roots are held against the key that the export itself names.")
    if not roots:
        say("No --roots: only the roots inside the export were compared.")
    with Path(path).open(encoding="utf-8") as lines:
        for report in verify_export(lines, kept=kept, public_key=public_key):
            problems += len(report.problems)
            say(
                f"{report.chain}: {report.entries} entries, {report.covered} of them covered by "
                f"{report.roots} roots; {report.unsealed} not sealed, {report.set_aside} put aside."
            )
            for problem in report.problems:
                say(f"{report.chain}: {problem}.")
    return problems


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Check an export of the audit log.")
    parser.add_argument("file")
    parser.add_argument("--roots", metavar="FOLDER")
    parser.add_argument("--public-key", default="", metavar="HEX")
    options = parser.parse_args(arguments)

    def say(text: str) -> None:
        sys.stdout.write(f"{text}\n")

    try:
        problems = check_export(
            path=options.file, roots=options.roots, public_key=options.public_key, say=say
        )
    except (UnreadableExport, OSError) as error:
        say(str(error))
        return 2
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
