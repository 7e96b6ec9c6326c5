"""Which part gets which face, and which parts cannot be played for want of faces."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from apps.demo.simulation.album import AlbumPerson
from apps.demo.simulation.cast import SimulatedRole, without_face

NO_PORTRAIT: Final = "no portrait left for it"
FIRST: Final = {"another": 0, "needed": 1, "own": 2}  # who gets a face before whom
NEED: Final = frozenset({"another", "needed"})
TWO: Final = 2  # faces that it takes to show another one


@dataclass(frozen=True, kw_only=True)
class Casting:
    """Who plays, with which face; whose face the impostor shows; and what nobody can play."""

    playing: dict[str, SimulatedRole]
    faces: dict[str, AlbumPerson]
    another: AlbumPerson | None
    skipped: list[SimulatedRole]


def faces_wanted(roles: Sequence[SimulatedRole]) -> int:
    """How many people it takes to give every part its face."""
    return sum(bool(role.face) for role in roles)


def deal_faces(roles: Sequence[SimulatedRole], people: Sequence[AlbumPerson]) -> Casting:
    """Give each part a face while there are some, those that need one first.

    A part that counts the same without a face is played without; one that is about faces is left
    out.
    """
    wanting = sorted((role for role in roles if role.face), key=lambda role: FIRST[role.face])
    if len(people) < TWO:
        wanting = [role for role in wanting if role.face != "another"]
    faces = dict(zip((role.key for role in wanting), people, strict=False))
    skipped = [role for role in roles if role.face in NEED and role.key not in faces]
    playing = {
        role.key: without_face(role) if role.face and role.key not in faces else role
        for role in roles
        if role not in skipped
    }
    another = people[1] if len(people) >= TWO else None
    return Casting(playing=playing, faces=faces, another=another, skipped=skipped)
