"""`manage.py simulate_class`: a whole class checks in at the running server, over HTTP."""

import os
from argparse import ArgumentParser
from contextlib import ExitStack
from getpass import getpass
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connections
from django.utils import timezone

from apps.biometrics.engines import EngineUnavailable
from apps.biometrics.weights.catalogue import WeightsError
from apps.common.commands import CampusCommand
from apps.common.errors import Refused
from apps.demo.allowed import demo_allowed
from apps.demo.simulation.album import Album, AlbumPerson
from apps.demo.simulation.browser import Browsers
from apps.demo.simulation.cast import LEAST, class_of, in_browsers
from apps.demo.simulation.casting import Casting, deal_faces, faces_wanted
from apps.demo.simulation.prepare import Account, Office, Prepared
from apps.demo.simulation.report import speed, table
from apps.demo.simulation.runner import Runner, SimulationResult
from apps.demo.simulation.server import SimulationError, check_answers
from apps.tenants.selectors import campus_by_slug

MOST_STUDENTS: Final = 120
PASSWORD_VARIABLE: Final = "CAMPUS_LECTURER_PASSWORD"  # noqa: S105  (a name, not a password)


class Command(CampusCommand):
    help = (
        "Play a class against the running server: students sign in, scan, send evidence and "
        "selfies. Prints what was expected and what happened; exits with 1 where they differ. "
        "Takes about two minutes, because somebody has to be late; with --quick, seconds."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--url", default="http://127.0.0.1:8000", help="The running server.")
        parser.add_argument("--campus", default="demo", help="Short name of the campus.")
        parser.add_argument(
            "--faces",
            type=Path,
            metavar="DIR",
            help="Photos laid out <person>/<n>.jpg; default: the portraits of fetch_models.",
        )
        parser.add_argument(
            "--students", type=int, default=24, help=f"{LEAST} to {MOST_STUDENTS}; default 24."
        )
        parser.add_argument(
            "--quick", action="store_true", help="Leave out those who come a minute late."
        )
        parser.add_argument("--seed", type=int, default=1, help="Who gets which face and place.")
        parser.add_argument(
            "--lecturer",
            metavar="EMAIL",
            help="Who holds the class, to watch it signed in as them; the password is asked for "
            f"or read from {PASSWORD_VARIABLE}. Default: a simulated lecturer.",
        )
        parser.add_argument(
            "--browser",
            type=int,
            default=0,
            metavar="N",
            help="How many of the students who are on time open the check-in page in Chromium "
            "instead; needs Playwright (the extra `test`).",
        )
        parser.add_argument(
            "--pictures", type=Path, metavar="DIR", help="Where their screens are saved."
        )
        parser.add_argument(
            "--windows", action="store_true", help="Show the browsers' windows on this screen."
        )
        parser.add_argument("--keep-open", action="store_true", help="Do not complete the session.")

    def handle(self, *args: Any, **options: Any) -> None:
        if not demo_allowed():
            message = "These settings do not allow made-up people (DEMO_ALLOWED)."
            raise CommandError(message)
        if not LEAST <= options["students"] <= MOST_STUDENTS:
            message = f"--students lies between {LEAST} and {MOST_STUDENTS}."
            raise CommandError(message)
        on_time = options["students"] - LEAST + 1
        if not 0 <= options["browser"] <= on_time:
            message = (
                f"--browser lies between 0 and {on_time}, the number of students who are on time."
            )
            raise CommandError(message)
        try:
            result = self._play(options)
        except (SimulationError, Refused) as error:
            raise CommandError(str(error)) from error
        self._print(result)
        if not result.met:
            message = "Some outcomes differ from what was expected."
            raise CommandError(message)

    def _play(self, options: dict[str, Any]) -> SimulationResult:
        check_answers(options["url"])
        everybody = class_of(options["students"], quick=options["quick"])
        roles = in_browsers(everybody, options["browser"])
        people = self._people(options["faces"], seed=options["seed"], number=faces_wanted(roles))
        casting = deal_faces(roles, people)
        self._say_about_faces(casting)
        with ExitStack() as stack:
            browsers = self._browsers(options)
            if browsers is not None:
                stack.enter_context(browsers)
            prepared = self._prepare(casting, options)
            runner = Runner(
                url=options["url"],
                campus=options["campus"],
                seed=options["seed"],
                keep_open=options["keep_open"],
                say=self.stdout.write,
                browsers=browsers,
            )
            return runner.play(casting, prepared)

    def _browsers(self, options: dict[str, Any]) -> Browsers | None:
        if not options["browser"]:
            return None
        pictures: Path | None = options["pictures"]
        if pictures is not None:
            pictures.mkdir(parents=True, exist_ok=True)
        return Browsers(
            url=options["url"],
            campus=options["campus"],
            pictures=pictures,
            visible=options["windows"],
        )

    def _prepare(self, casting: Casting, options: dict[str, Any]) -> Prepared:
        office = Office(campus=campus_by_slug(slug=options["campus"]), now=timezone.now())
        lecturer = self._named_lecturer(options["lecturer"])
        prepared = office.prepare(list(casting.playing.values()), lecturer=lecturer)
        connections.close_all()  # from here on everything goes over HTTP
        self.stdout.write(
            f"{prepared.course_title} is ready, with {len(casting.playing)} students."
        )
        if lecturer is None:
            account = prepared.lecturer
            self.stdout.write(
                f"To watch, sign in at {options['url']} as {account.email} with the password "
                f"{account.password} (good until the next run)."
            )
        return prepared

    def _named_lecturer(self, email: str | None) -> Account | None:
        if email is None:
            return None
        password = os.environ.get(PASSWORD_VARIABLE) or getpass(f"Password of {email}: ")
        return Account(email=email, password=password)

    def _people(self, folder: Path | None, *, seed: int, number: int) -> list[AlbumPerson]:
        """The faces to play with; none (said why) where none can be had."""
        if folder is not None and not folder.is_dir():
            message = f"{folder} is not a folder."
            raise CommandError(message)
        try:
            album = Album(folder or self._portraits(), seed=seed)
            people = album.people(number)
        except (CommandError, WeightsError, EngineUnavailable) as error:
            self.stdout.write(self.style.WARNING(f"Faces are left out: {error}"))
            return []
        if album.unlike:
            self.stdout.write(
                f"{album.unlike} people were passed over: the engine does not find their own "
                "photos alike."
            )
        return people

    def _portraits(self) -> Path:
        """The public portraits, fetched the first time."""
        folder = Path(settings.CAMPUS_VAR) / "demo-faces"
        if not folder.is_dir():
            call_command("fetch_models", missing_only=True, demo_faces=True, stdout=self.stdout)
        return folder

    def _say_about_faces(self, casting: Casting) -> None:
        derived = sum(person.derived for person in casting.faces.values())
        self.stdout.write(
            f"{len(casting.faces)} students have a face"
            + (f"; {derived} of them show a portrait taken again" if derived else "")
            + "."
        )

    def _print(self, result: SimulationResult) -> None:
        head, *lines = table(result.rows)
        self.stdout.write("")
        self.stdout.write(self.style.MIGRATE_HEADING(head))
        for row, line in zip(result.rows, lines, strict=True):
            self.stdout.write(line if row.met else self.style.ERROR(line))
        self.stdout.write("")
        for kind in ("redeem", "check-in"):
            self.stdout.write(speed(kind, result.timings.by_kind[kind]))
        self.stdout.write(speed("settling a face", result.settle_ms))
        played = [row for row in result.rows if not row.skipped]
        met = sum(row.met for row in played)
        self.stdout.write(
            f"{result.codes_seen} codes were read off the projector; "
            f"{result.second_tries} students needed a second selfie."
        )
        style = self.style.SUCCESS if result.met else self.style.ERROR
        skipped = len(result.rows) - len(played)
        self.stdout.write(
            style(f"{met} of {len(played)} outcomes as expected")
            + (f"; {skipped} parts not played" if skipped else "")
            + "."
        )
