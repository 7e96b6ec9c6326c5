"""What a register and a policy ask of the apps above this one. They add themselves in `ready()`.

Closing a register asks who is excused and whose mark is decided later, and has the session checked
afterwards. Taking marks by hand back asks what check-ins earned meanwhile. The same function added
twice is called once.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from apps.attendance.models import Policy
from apps.sessions.models import ClassSession
from apps.tenants.tasks import enqueue


class StudentsOf(Protocol):
    """Ids of students of this session. At most one statement, whatever their number."""

    def __call__(self, *, session: ClassSession) -> set[int]: ...


class EarnedMarks(Protocol):
    """What check-ins earned these students: fields of a record and their values, by student.

    `status` is among them. At most two statements, whatever the number of students.
    """

    def __call__(
        self, *, session: ClassSession, students: Collection[int]
    ) -> Mapping[int, Mapping[str, Any]]: ...


class PolicyPreview(Protocol):
    """Typical check-ins as this policy, which need not be saved, would judge them."""

    def __call__(self, *, policy: Policy, now: datetime) -> Sequence[Any]: ...


_excused: list[StudentsOf] = []
_undecided: list[StudentsOf] = []
_earned: list[EarnedMarks] = []
_checks: list[str] = []
_previews: list[PolicyPreview] = []


def add_excuse(find: StudentsOf) -> None:
    """`find` names those who are excused from a session."""
    if find not in _excused:
        _excused.append(find)


def add_undecided(find: StudentsOf) -> None:
    """`find` names those whose mark is decided later: closing the register passes them over."""
    if find not in _undecided:
        _undecided.append(find)


def add_earned(find: EarnedMarks) -> None:
    """`find` tells what was earned while a mark by a person stood."""
    if find not in _earned:
        _earned.append(find)


def add_check(task: str) -> None:
    """The task with this name is run with a session's id when its register has been closed."""
    if task not in _checks:
        _checks.append(task)


def excused_students(*, session: ClassSession) -> set[int]:
    return set().union(*(find(session=session) for find in _excused))


def undecided_students(*, session: ClassSession) -> set[int]:
    return set().union(*(find(session=session) for find in _undecided))


def earned_marks(
    *, session: ClassSession, students: Collection[int]
) -> dict[int, Mapping[str, Any]]:
    found: dict[int, Mapping[str, Any]] = {}
    for find in _earned:
        found |= find(session=session, students=students)
    return found


def checks_enqueue(*, session_id: int) -> None:
    """Have a session checked after the commit: it was closed, or something arrived later."""
    for task in _checks:
        enqueue(task, session_id)


def set_preview(preview: PolicyPreview) -> None:
    """`preview` answers what typical check-ins would score; the last one that was set counts."""
    _previews[:] = [preview]


def policy_preview(*, policy: Policy, now: datetime) -> Sequence[Any]:
    return [row for preview in _previews for row in preview(policy=policy, now=now)]
