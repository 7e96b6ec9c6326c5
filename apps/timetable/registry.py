"""Which courses get their sessions from somewhere else than weekly slots. Apps above add themselves
in `ready()`; the same function added twice is asked once."""

from typing import Protocol


class CoursesPlanned(Protocol):
    """Ids of courses whose sessions are planned there. At most one statement."""

    def __call__(self) -> set[int]: ...


_elsewhere: list[CoursesPlanned] = []


def add_planner(find: CoursesPlanned) -> None:
    """The generator makes no sessions of weekly slots for the courses that `find` names."""
    if find not in _elsewhere:
        _elsewhere.append(find)


def courses_planned_elsewhere() -> set[int]:
    return set().union(*(find() for find in _elsewhere))
