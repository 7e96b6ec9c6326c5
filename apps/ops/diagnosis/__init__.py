"""What `manage.py doctor` and the page of the platform's health look at.

A check is a function that yields findings. Apps above this one add theirs in `ready()`.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection, transaction

logger = logging.getLogger(__name__)

OK: Final = "ok"
WARN: Final = "warn"
FAIL: Final = "fail"
LEVELS: Final = (OK, WARN, FAIL)


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a check has found. `advice`: what to do about it; "" where all is well."""

    check: str
    level: str
    text: str
    advice: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Look:
    """How to look. `everything`: each sealed row and file, instead of some."""

    now: datetime
    everything: bool = False


Run = Callable[[Look], Iterable[tuple[str, str, str]]]
"""Yields level, text and advice."""


@dataclass(frozen=True, kw_only=True)
class HealthCheck:
    name: str
    label: Any
    run: Run
    quick: bool = True
    run_quick: Run | None = None  # instead of `run`, where somebody waits


_checks: dict[str, HealthCheck] = {}


def add_check(check: HealthCheck) -> None:
    """Adding one of the same name again replaces it."""
    _checks[check.name] = check


def check_names() -> list[str]:
    return list(_checks)


def label_of(name: str) -> Any:
    return _checks[name].label


def diagnose(look: Look, *, names: Iterable[str] = (), quick: bool = False) -> list[Found]:
    """Run the named checks, or all. `quick`: leave out what takes seconds or goes elsewhere."""
    wanted = set(names) or set(_checks)
    return [
        found
        for check in _checks.values()
        if check.name in wanted and (check.quick or not quick)
        for found in _found(check, (check.run_quick if quick else None) or check.run, look)
    ]


def _found(check: HealthCheck, run: Run, look: Look) -> Iterator[Found]:
    """A check that cannot be made is a failure, and keeps no other from being made."""
    try:
        with _kept_usable():
            lines = list(run(look))
        for level, text, advice in lines:
            yield Found(check=check.name, level=level, text=str(text), advice=str(advice))
    except Exception as error:
        logger.warning("The check %s could not be made.", check.name, exc_info=True)
        text = f"could not be looked at: {type(error).__name__}: {error}"
        yield Found(check=check.name, level=FAIL, text=text, advice="See the log.")


@contextmanager
def _kept_usable() -> Iterator[None]:
    """Inside a transaction, a statement that fails must not fail all that follow."""
    if not connection.in_atomic_block:
        yield
        return
    with transaction.atomic():
        yield


def worst(found: Iterable[Found]) -> str:
    return max((one.level for one in found), key=LEVELS.index, default=OK)
