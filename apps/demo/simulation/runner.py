"""Plays the class from the first sign-in to the completed register."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from random import Random
from typing import Final

from apps.demo.simulation.acts import Played, Player, Scene, by_browser
from apps.demo.simulation.album import AlbumPerson
from apps.demo.simulation.browser import Browsers
from apps.demo.simulation.cast import Expected, SimulatedRole
from apps.demo.simulation.casting import NO_PORTRAIT, Casting
from apps.demo.simulation.lecturer import Lecturer, Projector
from apps.demo.simulation.phone import Phone
from apps.demo.simulation.prepare import Account, Prepared, student_code
from apps.demo.simulation.report import ResultRow, row_of, settle_times
from apps.demo.simulation.server import Client, SimulationError, Timings

AT_ONCE: Final = 8  # phones that talk to the server at the same moment
TOPIC: Final = "A simulated class"
Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class SimulationResult:
    rows: list[ResultRow]
    timings: Timings
    settle_ms: list[float]
    second_tries: int
    codes_seen: int

    @property
    def met(self) -> bool:
        return all(row.met for row in self.rows)


@dataclass(frozen=True, kw_only=True)
class Runner:
    """One class on one server."""

    url: str
    campus: str
    seed: int
    keep_open: bool
    say: Say
    browsers: Browsers | None = None

    def play(self, casting: Casting, prepared: Prepared) -> SimulationResult:
        """Raises `SimulationError` when the class cannot be played at all."""
        timings = Timings()
        lecturer = Lecturer(client=self._signed_in(prepared.lecturer, timings))
        players = self._set_up(casting, prepared, timings)
        session = lecturer.open_session(course=prepared.course, topic=TOPIC)
        opened = time.monotonic()
        self.say(f"The session is open: {self.url.rstrip('/')} (session {session}).")
        screen = Projector(self._signed_in(prepared.lecturer, timings), session=session)
        with screen:
            scene = Scene(
                session=session,
                room=prepared.room,
                lecturer=lecturer,
                projector=screen,
                first_token=screen.token,
            )
            if self.browsers is not None:
                self.browsers.show_projector(prepared.lecturer, session)
            played = self._act(casting, players, scene, opened=opened)
        self._mark_by_hand(casting, prepared, scene)
        seen = {student_code(role) for role in casting.playing.values() if role.accepted}
        lecturer.accept_waiting(session, codes=seen)
        if not self.keep_open:
            lecturer.complete(session)
        return SimulationResult(
            rows=self._rows(casting, played, lecturer, session),
            timings=timings,
            settle_ms=settle_times(list(played.values())),
            second_tries=sum(player.second_tries for player in players.values()),
            codes_seen=screen.codes_seen,
        )

    def _signed_in(self, account: Account, timings: Timings) -> Client:
        client = Client(self.url, campus=self.campus, timings=timings)
        client.sign_in(email=account.email, password=account.password)
        return client

    def _set_up(self, casting: Casting, prepared: Prepared, timings: Timings) -> dict[str, Player]:
        """Phones sign in, are bound, and enrol their owners' faces."""
        acting = [role for role in casting.playing.values() if role.act is not None]
        self.say(f"{len(acting)} phones sign in, are bound, and {len(casting.faces)} enrol a face.")

        def set_up(role: SimulatedRole) -> Player:
            account = prepared.students[role.key]
            phone = Phone(client=self._signed_in(account, timings))
            if role.act is by_browser:
                return self._player(role, phone, account, casting, timings)
            if problem := phone.bind().problem:
                message = f"The phone of {role.name} cannot be bound: {problem}"
                raise SimulationError(message)
            person = casting.faces.get(role.key)
            if person is not None:
                self._enrol(role, phone, person)
            return self._player(role, phone, account, casting, timings)

        with ThreadPoolExecutor(AT_ONCE) as pool:
            return dict(zip((role.key for role in acting), pool.map(set_up, acting), strict=True))

    def _player(
        self,
        role: SimulatedRole,
        phone: Phone,
        account: Account,
        casting: Casting,
        timings: Timings,
    ) -> Player:
        def by_page(scene: Scene) -> Played:
            assert self.browsers is not None  # nobody is in a browser without them
            return self.browsers.check_in(account, player, scene, key=role.key)

        player = Player(
            phone=phone,
            sign_in_elsewhere=lambda: self._signed_in(account, timings),
            random=Random(f"{self.seed} {role.key}"),  # noqa: S311  (not a secret)
            student=account.id,
            person=casting.faces.get(role.key),
            stranger=casting.another,
            check_in_by_browser=by_page,
        )
        return player

    def _enrol(self, role: SimulatedRole, phone: Phone, person: AlbumPerson) -> None:
        phone.consent()
        refused = phone.enrol(person.samples)
        if len(refused) == len(person.samples):
            message = f"No photo of {role.name} was taken: {', '.join(refused)}"
            raise SimulationError(message)

    def _act(
        self, casting: Casting, players: dict[str, Player], scene: Scene, *, opened: float
    ) -> dict[str, Played]:
        """First those who are in time, all at once; then those who come a minute later."""
        played: dict[str, Played] = {}
        acting = [role for role in casting.playing.values() if role.act is not None]

        def act(role: SimulatedRole) -> Played:
            assert role.act is not None  # chosen above
            return role.act(players[role.key], scene)

        with ThreadPoolExecutor(AT_ONCE) as pool:
            for after in sorted({role.after_s for role in acting}):
                wave = [role for role in acting if role.after_s == after]
                Random(self.seed).shuffle(wave)  # noqa: S311  (the same order every time)
                if after:
                    self.say(f"Those who come late wait until {after:.0f} s after the opening.")
                    scene.projector.rest(opened + after)
                keys = [role.key for role in wave]
                played |= dict(zip(keys, pool.map(act, wave), strict=True))
                if self.browsers is not None:
                    self.browsers.picture_of_projector()
        return played

    def _mark_by_hand(self, casting: Casting, prepared: Prepared, scene: Scene) -> None:
        for role in casting.playing.values():
            if role.marked_by_hand:
                student = prepared.students[role.key].id
                scene.lecturer.mark(scene.session, student=student, status="present")

    def _rows(
        self, casting: Casting, played: dict[str, Played], lecturer: Lecturer, session: int
    ) -> list[ResultRow]:
        register = lecturer.register(session)
        rows = [
            row_of(self._as_it_ends(role), played.get(key), register.get(student_code(role)))
            for key, role in casting.playing.items()
        ]
        return rows + [
            ResultRow(role=role, expected=role.expected.words(), skipped=NO_PORTRAIT)
            for role in casting.skipped
        ]

    def _as_it_ends(self, role: SimulatedRole) -> SimulatedRole:
        """In a session that is left open nobody is absent yet."""
        expected: Expected = role.expected
        if not self.keep_open or expected.register != "absent":
            return role
        return replace(role, expected=replace(expected, register="unmarked"))
