"""Long tests begin at once, on all workers, and nothing is compiled twice."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.order import in_order


@dataclass(frozen=True)
class Named:
    path: Path
    number: int


def made(*files: str, each: int) -> list[Named]:
    return [Named(Path(file), number) for file in files for number in range(each)]


SLOW = made("a", "b", "c", "d", "e", each=2)
REST = made("f", "g", each=200)


@pytest.mark.parametrize("workers", [1, 2, 3, 8])
def test_every_test_has_one_place(workers: int) -> None:
    ordered = in_order(SLOW, REST, workers=workers)
    assert len(ordered) == len(SLOW) + len(REST)
    assert set(ordered) == {*SLOW, *REST}
    assert [test for test in ordered if test in REST] == REST


def test_each_worker_begins_with_its_share_and_files_stay_together() -> None:
    ordered = in_order(SLOW, REST, workers=2)
    first = (len(SLOW) + len(REST)) // 2 // 4  # what pytest-xdist hands a worker at the start
    assert ordered[:6] == made("a", "c", "e", each=2)
    assert ordered[first : first + 4] == made("b", "d", each=2)


def test_alone_all_of_them_come_first() -> None:
    assert in_order(SLOW, REST, workers=1) == [*SLOW, *REST]


@pytest.mark.parametrize("workers", [1, 3])
def test_a_few_chosen_tests_run_as_they_come(workers: int) -> None:
    assert in_order(SLOW, REST[:3], workers=workers) == [*SLOW, *REST[:3]]
    assert in_order([], REST, workers=workers) == REST


def test_bytecode_is_kept_here_and_by_programs_that_tests_start() -> None:
    assert not sys.dont_write_bytecode
    assert "PYTHONDONTWRITEBYTECODE" not in os.environ
