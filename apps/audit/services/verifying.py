"""Recomputing a chain from its start."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from apps.audit.chain import FIRST_LINK, is_genuine, is_next_link, redaction_of
from apps.audit.services.chains import Log, campus_log, entered
from apps.audit.services.sealing import SET_ASIDE
from apps.tenants.selectors import every_campus


@dataclass(kw_only=True)
class Verification:
    """Outcome of a walk along the chain. `problems` names everything that does not hold."""

    sealed: int = 0
    unsealed: int = 0
    redacted: int = 0  # of those that hold: what they say was shortened by erasures
    problems: list[str] = field(default_factory=list)
    set_aside: list[str] = field(default_factory=list)  # known not to fit, by name
    broken_entries: list[Any] = field(default_factory=list)  # sealed, and changed

    @property
    def holds(self) -> bool:
        return not self.problems

    @property
    def broken(self) -> str:
        """The first problem; empty where there is none."""
        return self.problems[0] if self.problems else ""


@dataclass(kw_only=True)
class _Walk:
    """Where the verifier stands. After a break it goes on from the link that it found."""

    outcome: Verification
    known_bad: set[UUID]
    position: int = 0
    link: bytes = FIRST_LINK

    def follow(self, seal: Any, entry: Any | None) -> None:
        first = seal.position == self.position + 1
        if not first:
            self.outcome.problems.append(_gap(self.position + 1, seal.position - 1))
        place = f"position {seal.position}"
        if entry is None:
            self.outcome.problems.append(f"{place}: entry {seal.entry_id} was removed")
        elif entry.pk in self.known_bad:
            self.outcome.set_aside.append(f"{place}: entry {entry.pk} ({entry.action})")
        elif not is_genuine(entry):
            self.outcome.problems.append(f"{place}: entry {entry.pk} was changed")
            self.outcome.broken_entries.append(entry)
        elif first and not is_next_link(
            bytes(seal.link), previous=self.link, position=seal.position, entry=entry
        ):
            self.outcome.problems.append(f"{place}: the link does not follow from the one before")
        else:
            self.outcome.sealed += 1
            self.outcome.redacted += redaction_of(entry) is not None
        self.position, self.link = seal.position, bytes(seal.link)


def _gap(first: int, last: int) -> str:
    if first >= last:
        return f"position {first} is missing"
    return f"positions {first} to {last} are missing"


def verify(*, expected_length: int | None = None, log: Log | None = None) -> Verification:
    """Recompute the chain of the entered campus, or of the given log, from its start.

    Finds edited, removed, inserted and reordered entries, all of them. Removing the newest seals
    together with their entries shows only against a length noted elsewhere: pass it as
    `expected_length`, or against a root (`apps.audit.offline`).
    """
    log = log or campus_log()
    outcome = Verification()
    walk = _Walk(outcome=outcome, known_bad=log.put_aside())
    for seal, entry in log.steps():
        walk.follow(seal, entry)
    if expected_length is not None and walk.position < expected_length:
        missing = expected_length - walk.position
        outcome.problems.append(f"{missing} entries are missing at the end")
    outcome.problems += [
        f"entry {pk} is put aside, and no entry says so"
        for pk in sorted(walk.known_bad - _said_to_be_put_aside(log))
    ]
    for entry in log.unsealed():
        if entry.pk in walk.known_bad:
            outcome.set_aside.append(f"entry {entry.pk} ({entry.action})")
            continue
        outcome.unsealed += 1
        if not is_genuine(entry):
            outcome.problems.append(f"entry {entry.pk} (not sealed yet) was changed")
    return outcome


def _said_to_be_put_aside(log: Log) -> set[UUID]:
    """What genuine entries name: a changed entry must not be hidden by a row beside it."""
    said = list(log.entries.objects.filter(action=SET_ASIDE))
    log.show_redactions(said)  # of a campus that moved here, every entry has one
    return {UUID(pk) for entry in said if is_genuine(entry) for pk in entry.data["entries"]}


def key_proof() -> bool | None:
    """Whether the first entries of the campuses were written under the given key; None: no entry.

    The first one was written at bring-up. Later ones may have come from a start under a wrong key,
    which this is to find and not to be misled by.
    """
    seen = False
    for campus in every_campus(reason="compare the master key with the log", also_closed=True):
        with entered(campus) as log:
            first = log.entries.objects.order_by("pk").first()
            log.show_redactions(filter(None, [first]))
        seen = seen or first is not None
        if first is not None and is_genuine(first):
            return True
    return False if seen else None
