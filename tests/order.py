"""In which order tests run: long ones first, and shared out between the workers of pytest-xdist."""

import os
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Protocol, TypeVar


class Test(Protocol):
    @property
    def path(self) -> Path: ...


T = TypeVar("T", bound=Test)


def workers() -> int:
    return int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))


def in_order(slow: Sequence[T], rest: Sequence[T], *, workers: int) -> list[T]:
    """Each worker begins with its share of the slow ones; those of a file stay together.

    pytest-xdist (`--dist load`) hands every worker as many tests as `first` at the start, in the
    order of the list: with all slow ones at the head of it, the first worker would get them all.
    """
    first = max((len(slow) + len(rest)) // workers // 4, 2)
    files = [list(group) for _path, group in groupby(slow, key=lambda test: test.path)]
    shares = [flat(files[number::workers]) for number in range(workers)]
    if any(len(share) > first for share in shares):
        return [*slow, *rest]
    ordered: list[T] = []
    taken = 0
    for share in shares:
        until = taken + first - len(share)
        ordered += [*share, *rest[taken:until]]
        taken = until
    return [*ordered, *rest[taken:]]


def flat(lists: Iterable[list[T]]) -> list[T]:
    return [item for found in lists for item in found]
