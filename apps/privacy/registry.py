"""Who erases what when a consent is withdrawn. Apps add theirs in `ready()`; privacy knows none."""

from datetime import datetime
from typing import Protocol

from apps.accounts.models import Student
from apps.audit.services import Actor


class Eraser(Protocol):
    """Removes everything that the consent allowed, inside the caller's transaction.

    Returns how many things it removed. Files go after the commit (enqueue a task).
    """

    __name__: str

    def __call__(self, *, student: Student, now: datetime, actor: Actor) -> int: ...


_erasers: dict[str, list[Eraser]] = {}


def add_eraser(kind: str, eraser: Eraser) -> None:
    """Run `eraser` when a consent of this kind is withdrawn. Adding twice counts once."""
    known = _erasers.setdefault(kind, [])
    if eraser not in known:
        known.append(eraser)


def remove_eraser(kind: str, eraser: Eraser) -> None:
    _erasers.get(kind, []).remove(eraser)


def erasers_of(kind: str) -> tuple[Eraser, ...]:
    return tuple(_erasers.get(kind, ()))
