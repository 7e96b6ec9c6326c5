"""What a register asks of the apps above this one. They add themselves in `ready()`.

Closing a register asks who is excused and whose mark is decided later, and has the session checked
afterwards. The same function added twice is called once.
"""

from typing import Protocol

from apps.sessions.models import ClassSession
from apps.tenants.tasks import enqueue


class StudentsOf(Protocol):
    """Ids of students of this session. At most one statement, whatever their number."""

    def __call__(self, *, session: ClassSession) -> set[int]: ...


_excused: list[StudentsOf] = []
_undecided: list[StudentsOf] = []
_checks: list[str] = []


def add_excuse(find: StudentsOf) -> None:
    """`find` names those who are excused from a session."""
    if find not in _excused:
        _excused.append(find)


def add_undecided(find: StudentsOf) -> None:
    """`find` names those whose mark is decided later: closing the register passes them over."""
    if find not in _undecided:
        _undecided.append(find)


def add_check(task: str) -> None:
    """The task with this name is run with a session's id when its register has been closed."""
    if task not in _checks:
        _checks.append(task)


def excused_students(*, session: ClassSession) -> set[int]:
    return set().union(*(find(session=session) for find in _excused))


def undecided_students(*, session: ClassSession) -> set[int]:
    return set().union(*(find(session=session) for find in _undecided))


def checks_enqueue(*, session_id: int) -> None:
    """Have a session checked after the commit: it was closed, or something arrived later."""
    for task in _checks:
        enqueue(task, session_id)
